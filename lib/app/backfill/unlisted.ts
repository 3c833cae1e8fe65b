import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../../domain/cast-error'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import { type Run, retrying } from '../context'
import type { BackfillPorts, Entered } from '../ports-backfill-store'
import { eachLane } from './each-lane'
import { readPart } from './rows'

type Result<A> = Promise<E.Either<ServiceError, A>>

/** Which of them no part has. One that was entered, and whose lister died before it wrote the part, is listed by nobody. */
export const unlistedOf = async (
  run: Run,
  ports: BackfillPorts,
  id: string,
  partition: string,
  studies: ReadonlyArray<string>,
): Result<ReadonlyArray<string>> => {
  const entered = await retrying(run, ports.backfills.entered(id, partition, studies))
  if (E.isLeft(entered)) return entered
  const listed = await listedIn(run, ports, id, entered.right)
  return E.map((names: ReadonlySet<string>) =>
    studies.filter((studyInstanceUid) => !names.has(studyKeyText({ partition, studyInstanceUid }))),
  )(listed)
}

/** By their text (studyKeyText): what the parts have into which these were entered. */
const listedIn = async (
  run: Run,
  ports: BackfillPorts,
  id: string,
  entered: ReadonlyArray<Entered>,
): Result<ReadonlySet<string>> => {
  const parts = new Map<number, Set<number>>()
  for (const { lane, part } of entered) parts.set(lane, (parts.get(lane) ?? new Set()).add(part))
  const lanes = [...parts.keys()]
  const read = await eachLane(lanes.length, async (place) => {
    const lane = lanes[place] ?? 0
    const names: Array<string> = []
    for (const number of parts.get(lane) ?? []) {
      const part = await readPart(run, ports, id, lane, number)
      if (E.isLeft(part)) return part
      if (O.isNone(part.right)) continue
      const { partition, studies } = part.right.value
      names.push(...studies.map((studyInstanceUid) => studyKeyText({ partition, studyInstanceUid })))
    }
    return E.right(names)
  })
  return E.map((names: ReadonlyArray<ReadonlyArray<string>>) => new Set(names.flat()))(read)
}
