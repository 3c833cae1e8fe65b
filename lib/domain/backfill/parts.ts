/** A study as QIDO-RS lists it. `instances` is an estimate: the service counts unfinished ones, too. */
export interface ListedStudy {
  readonly studyInstanceUid: string
  readonly patientId: string
  readonly instances: number
}

export const isUid = (text: string): boolean => /^[\d.]{1,64}$/.test(text)

/** Studies that somebody has named, of one partition: a row of storage holds so many. */
export interface GivenStudies {
  readonly partition: string
  readonly studies: ReadonlyArray<string>
}

/** A property of a table holds 32 Ki characters, and a UID has 64 at the most. */
const mostOfChunk = 400
/** What a list may have. */
export const mostGiven = 100_000

/** By partition, each study once. */
export const chunksOfGiven = (
  given: ReadonlyArray<{ readonly partition: string; readonly studyInstanceUid: string }>,
): ReadonlyArray<GivenStudies> => {
  const partitions = new Map<string, Set<string>>()
  for (const { partition, studyInstanceUid } of given) {
    const studies = partitions.get(partition) ?? new Set()
    partitions.set(partition, studies.add(studyInstanceUid))
  }
  return [...partitions].flatMap(([partition, all]) => {
    const studies = [...all]
    return Array.from({ length: Math.ceil(studies.length / mostOfChunk) }, (_, at) => ({
      ...{ partition, studies: studies.slice(at * mostOfChunk, (at + 1) * mostOfChunk) },
    }))
  })
}

const mostStudies = 500
const mostInstances = 2_000
/** A property of a table holds 32 Ki characters; a part has more to tell than its studies. */
const mostCharacters = 28_000

const sizeOf = ({ studyInstanceUid }: ListedStudy): number => studyInstanceUid.length + 3

/**
 * Parts that are full, and what is left for the next; all of it, when nothing more comes. A study that is larger than a
 * part has one to itself.
 */
export const cutParts = (
  studies: ReadonlyArray<ListedStudy>,
  isLast: boolean,
): { readonly parts: ReadonlyArray<ReadonlyArray<ListedStudy>>; readonly rest: ReadonlyArray<ListedStudy> } => {
  const parts: Array<ReadonlyArray<ListedStudy>> = []
  let [part, instances, characters]: [Array<ListedStudy>, number, number] = [[], 0, 0]
  for (const study of studies) {
    const isFull =
      part.length >= mostStudies ||
      instances + study.instances > mostInstances ||
      characters + sizeOf(study) > mostCharacters
    if (part.length > 0 && isFull) {
      parts.push(part)
      ;[part, instances, characters] = [[], 0, 0]
    }
    part.push(study)
    instances += study.instances
    characters += sizeOf(study)
  }
  return isLast && part.length > 0 ? { parts: [...parts, part], rest: [] } : { parts, rest: part }
}
