import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { StudyList } from '../../../lib/app/ports-backfill-store'
import type { ListedStudy } from '../../../lib/domain/backfill/parts'
import type { ServiceError } from '../../../lib/domain/cast-error'
import { downFor } from '../dicom-service'
import { type Feed, type Image, type Row, studyText } from '../feed-model'
import { type Process, request } from '../process'
import type { World } from '../world'
import type { BackfillSide } from './side'

type Answer<A> = E.Either<ServiceError, A>

/** By studyText: those that have a row in the archive's own table. One whose first image is still on its way has one. */
const standing = ({ images }: Feed): ReadonlyMap<string, ReadonlyArray<Image>> => {
  const studies = new Map<string, Array<Image>>()
  for (const image of images.values()) {
    if (image.tags === undefined && !image.locked) continue
    const name = studyText(image.key)
    studies.set(name, [...(studies.get(name) ?? []), image])
  }
  return studies
}

/** The service counts what is on its way, too; and a part is cut by what it says. */
const sizes = [1, 2, 700, 1_200, 2_500]

/** Whose a study is, as the last instance that came said it. */
const patientIdIn = (images: ReadonlyArray<Image>): string => {
  const rows = images.flatMap((image): ReadonlyArray<Row> => image.rows).filter(({ tags }) => tags !== undefined)
  const [last] = [...rows].sort((left, right) => right.sequence - left.sequence)
  return last?.tags?.patientId ?? ''
}

/** QIDO-RS of studies: the youngest first, by offset; what is stored or deleted meanwhile shifts the pages. */
export const studyListFor = (world: World, side: BackfillSide, feed: Feed, process: Process): StudyList => {
  const { random } = world
  const listed = (images: ReadonlyArray<Image>): ReadonlyArray<ListedStudy> => {
    const [first] = images
    if (first === undefined || images.every(({ tags }) => tags === undefined)) return []
    const { study } = first.key
    const instances = sizes[Number(/\d+$/.exec(study)?.[0] ?? 0) % sizes.length] ?? 1
    return [{ studyInstanceUid: study, patientId: patientIdIn(images), instances }]
  }
  /** Youngest first. One that was gone, and is there again, is a new one. */
  const inOrder = (partition: string): ReadonlyArray<ReadonlyArray<Image>> => {
    const studies = standing(feed)
    for (const name of side.order.keys()) if (!studies.has(name)) side.order.delete(name)
    for (const name of studies.keys()) if (!side.order.has(name)) side.order.set(name, ++side.writes)
    return [...studies]
      .filter(([, [first]]) => first?.key.partition === partition)
      .sort(([left], [right]) => (side.order.get(right) ?? 0) - (side.order.get(left) ?? 0))
      .map(([, images]) => images)
  }
  const ask = <A>(label: string, serve: () => A): Promise<Answer<A>> =>
    request(
      world,
      process,
      `dicom.${label}`,
      () => downFor(world) ?? E.right(serve()),
      (answer) => (E.isLeft(answer) ? answer.left._tag : JSON.stringify(answer.right)),
    )

  return {
    page: (partition, offset, limit) => () =>
      ask(`studies ${partition} ${offset}+${limit}`, () => {
        side.onPage()
        // Where a page is smaller than what the product looks behind, it drops out of none: it would look past the others.
        const isWhole = side.pageOfList >= limit
        const rows = inOrder(partition).filter((images) => isWhole || listed(images).length > 0)
        // In its page nothing has an order.
        const page = rows.slice(offset, offset + Math.min(limit, side.pageOfList)).flatMap(listed)
        return page
          .map((study) => ({ study, at: random.fraction() }))
          .sort((a, b) => a.at - b.at)
          .map(({ study }) => study)
      }),
    find: (partition, uid) => () =>
      ask(`study ${partition}/${uid}?`, () =>
        O.fromNullable(
          inOrder(partition)
            .flatMap(listed)
            .find(({ studyInstanceUid }) => studyInstanceUid === uid),
        ),
      ),
  }
}

/** The service never forgets a partition, though nothing is left in it. */
export const partitionsOf = ({ images }: Feed): ReadonlyArray<string> =>
  [...new Set(['Microsoft.Default', ...[...images.values()].map(({ key }) => key.partition)])].sort()
