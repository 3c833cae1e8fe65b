import type { Answer } from './answer'

/** An entry of the change feed as it goes over the wire. */
export interface EntryText {
  readonly sequence: number
  readonly hasMetadata: boolean
  readonly text: string
}

/** An answer that reads the feed or metadata, still open to what the fault switches do to it. */
export interface Page {
  readonly hasMetadata: boolean
  readonly holds: (sequence: number) => boolean
  /** Whether the metadata blob of the row's instance must be read for this answer. */
  readonly holdsMetadataOf: (sequence: number) => boolean
  readonly entries: ReadonlyArray<EntryText>
  readonly answer: (entries: ReadonlyArray<EntryText>) => Answer
}

export const isPage = (result: Page | Answer): result is Page => 'entries' in result
