import type { Entered, Stored } from '../../../lib/app/ports-backfill-store'
import type { BackfillMessage } from '../../../lib/app/ports-backfill'
import type { Backfill, LaneRow, Part } from '../../../lib/domain/backfill/backfill'
import type { GivenStudies } from '../../../lib/domain/backfill/parts'
import type { StudyKey } from '../../../lib/app/operate/resync'
import type { Process } from '../process'

export interface QueueMessage {
  readonly id: number
  readonly message: BackfillMessage
  visibleAt: number
  receipt: number
  dequeued: number
}

/** What a backfill keeps in storage, and its queue. */
export interface BackfillSide {
  row: Stored<Backfill> | undefined
  readonly lanes: Map<string, Stored<LaneRow>>
  readonly parts: Map<string, Stored<Part>>
  readonly entered: Map<string, Entered>
  readonly left: Map<string, StudyKey>
  readonly given: Map<string, GivenStudies>
  readonly queue: Array<QueueMessage>
  /** In which order studies came to the archive: its list begins with the youngest. */
  readonly order: Map<string, number>
  /** So many the archive lists at once. */
  readonly pageOfList: number
  /** Of a message in hand, ms. */
  readonly invisibleMs: number
  /** A worker that is stopped, at the most. */
  readonly sleepsUpToMs: number
  /** Of whoever takes it further, ms. */
  readonly budgetMs: number
  /** Nothing is cast before the first backfill has begun, or was given up. */
  waits: boolean
  /** When the first one began. */
  beganAt: number
  /** How far one has moved the checkpoint: what it recorded, the feed passes by up to there. */
  passedTo: number
  writes: number
  /** When its state was last written. */
  onState: (state: Backfill['state']) => void
  /** A page of the archive's list was given. */
  onPage: () => void
  /** What the timer does behind its cast; `isClosed`: which has met a closed gate. */
  tick: (process: Process, isClosed: boolean) => Promise<void>
}

export const isAtWork = ({ row }: Pick<BackfillSide, 'row'>): boolean => row !== undefined && row.state !== 'over'
