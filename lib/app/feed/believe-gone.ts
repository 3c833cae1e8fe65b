import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type * as TE from 'fp-ts/TaskEither'
import { headOf } from '../../domain/checkpoint'
import type { ServiceError } from '../../domain/cast-error'
import {
  type ChangeFeedEntry,
  type InstanceKey,
  decodeEntry,
  isLive,
  studyKeyText,
} from '../../domain/dicom/change-feed-entry'
import { defaultPartition } from '../../domain/dicom/partition'
import type { DicomService } from '../ports'
import type { ProbedDicomService } from '../ports-operator'

type Result<A> = Promise<E.Either<ServiceError, A>>

const pageWidth = 100
/** Of other studies as far as possible: the metadata of one may be lost. */
const witnesses = 5

const decode = decodeEntry(() => undefined)

// `/studies` and `/partitions/{name}/studies` are two routes: one may be there without the other.
const isNamed = (partition: string): boolean => partition !== defaultPartition

const isLiveImage = (entry: ChangeFeedEntry): boolean => entry.action !== 'delete' && isLive(entry)

/**
 * "No such study" is what a service says of a study that is gone, and also where the version in the URL is wrong or a
 * proxy hides the route; and what is gone is deleted from FHIR. So it is believed by comparison only (docs/adr/0003):
 * the same route must find a live image of the feed, and still not this study. A feed without one says so itself.
 */
export const believeGone = (dicom: DicomService, version: string): ProbedDicomService => {
  const found = new Map<boolean, InstanceKey>()

  const findOneOf = async (keys: ReadonlyArray<InstanceKey>): Result<InstanceKey | undefined> => {
    let failure: E.Either<ServiceError, undefined> = E.right(undefined)
    for (const key of keys) {
      const read = await dicom.instance(key)()
      if (E.isLeft(read)) failure = read
      else if (O.isSome(read.right)) return E.right(key)
    }
    return failure
  }

  /** From the newest page that has any, the newest first. */
  const liveImages = async (
    head: number,
    pages: number,
    isComparable: (entry: ChangeFeedEntry) => boolean,
  ): Result<ReadonlyArray<InstanceKey>> => {
    for (let [to, read] = [head, 0]; to > 0 && read < pages; to -= pageWidth, read++) {
      const offset = Math.max(0, to - pageWidth)
      const page = await dicom.range(offset, to - offset, false)()
      if (E.isLeft(page)) return page
      const live = [...page.right.elements].reverse().flatMap((element) => {
        const decoded = decode(element)
        return E.isRight(decoded) && isLiveImage(decoded.right) && isComparable(decoded.right) ? [decoded.right] : []
      })
      const ofEachStudy = new Map(live.map((entry) => [studyKeyText(entry), entry])).values()
      if (live.length > 0) return E.right([...new Set([...ofEachStudy, ...live])].slice(0, witnesses))
    }
    return E.right([])
  }

  const findOne = async (
    head: number,
    pages: number,
    isComparable: (entry: ChangeFeedEntry) => boolean,
  ): Result<InstanceKey | undefined> => {
    const live = await liveImages(head, pages, isComparable)
    if (E.isLeft(live)) return live
    const [newest] = live.right
    const one = await findOneOf(live.right)
    return newest !== undefined && E.isRight(one) && one.right === undefined ? E.left(nothingFor(newest)) : one
  }

  // With the status, so that nobody asks again in vain.
  const nothingFor = ({ partition }: InstanceKey): ServiceError => {
    const route = `${version === '' ? '' : `/${version}`}${isNamed(partition) ? '/partitions/{name}' : ''}/studies`
    const reason = `nothing is at ${route} though the change feed has live images: check DicomWeb__Version (404)`
    return { _tag: 'ServiceUnavailable', hop: 'dicom', status: 404, reason }
  }

  const compare = async (partition: string): Result<unknown> => {
    const named = isNamed(partition)
    const before = found.get(named)
    const again = before === undefined ? E.right(undefined) : await findOneOf([before])
    if (E.isRight(again) && again.right !== undefined) return again
    const latest = await dicom.latest()()
    if (E.isLeft(latest)) return latest
    const head = headOf(latest.right)
    const one = await findOne(head, Infinity, (entry) => isNamed(entry.partition) === named)
    if (E.isRight(one) && one.right !== undefined) found.set(named, one.right)
    return one
  }

  /** Asked again after the comparison: what was hidden for a moment only is found then. */
  const compared =
    <A>(partition: string, ask: TE.TaskEither<ServiceError, A>, isNothing: (answer: A) => boolean) =>
    async (): Result<A> => {
      const first = await ask()
      if (E.isLeft(first) || !isNothing(first.right)) return first
      const comparison = await compare(partition)
      return E.isLeft(comparison) ? comparison : ask()
    }

  return {
    ...dicom,
    study: (partition, studyInstanceUid) =>
      compared(partition, dicom.study(partition, studyInstanceUid), ({ length }) => length === 0),
    instance: (key, withinMs) => compared(key.partition, dicom.instance(key, withinMs), O.isNone),
    probeStudies: (head) => () => findOne(head, 1, () => true),
  }
}
