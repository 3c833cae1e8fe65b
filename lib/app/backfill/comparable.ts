import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { openStudies } from '../../domain/backfill/backfill'
import { studyKeyText } from '../../domain/dicom/change-feed-entry'
import type { Run } from '../context'
import type { Witnesses } from '../operate/held-studies'
import { partitionsOf } from '../operate/choose-studies'
import type { StudyKey } from '../operate/resync'
import type { BackfillPorts } from '../ports-backfill-store'
import { readLaneRow, readPart } from './rows'

interface Asker {
  readonly run: Run
  readonly ports: BackfillPorts
  readonly witnesses: Witnesses
  readonly backfillId: string
  readonly lanes: number
  readonly lane?: number
}

/** So many are asked for, since one may be gone, or broken, by now. */
const mostCompared = 3
/** Studies among which they are chosen. */
const mostOpen = 1_000
const mostListed = 10

/**
 * Studies with which those in doubt are compared: that were found before, in this pass or by the lanes, its own before the
 * others. Where none of these can be read any more, those that come next, and what the archive lists now: else one that cannot
 * be read would hold up its lane, or the end, for ever. Those of another partition come last: by none of them a study is
 * believed gone.
 */
export async function* comparable(asker: Asker, doubted: ReadonlyArray<StudyKey>): AsyncGenerator<StudyKey> {
  const inDoubt = new Set(doubted.map(studyKeyText))
  const partitions = new Set(doubted.map(({ partition }) => partition))
  const elsewhere: Array<StudyKey> = []
  for (const source of [foundBefore, openNext, listedNow]) {
    const others = (await source(asker)).filter((key) => !inDoubt.has(studyKeyText(key)))
    const isNear = ({ partition }: StudyKey): boolean => partitions.has(partition)
    yield* others.filter(isNear).slice(0, mostCompared)
    elsewhere.push(...others.filter((key) => !isNear(key)).slice(0, mostCompared))
  }
  yield* elsewhere
}

const foundBefore = async ({ run, ports, backfillId, lanes, lane = 0, witnesses }: Asker) => {
  const found = [...witnesses].map(([partition, studyInstanceUid]): StudyKey => ({ partition, studyInstanceUid }))
  for (let step = 0; step < lanes; step++) {
    const row = await readLaneRow(run, ports, backfillId, (lane + step) % lanes)
    if (E.isRight(row) && row.right.witness !== undefined) found.push(row.right.witness)
  }
  return found
}

const openNext = async ({ run, ports, backfillId, lanes }: Asker) => {
  const open: Array<StudyKey> = []
  for (let lane = 0; lane < lanes && open.length < mostOpen; lane++) {
    const row = await readLaneRow(run, ports, backfillId, lane)
    if (E.isLeft(row)) continue
    for (const number of [row.right.settled + 1, row.right.settled + 2]) {
      const part = await readPart(run, ports, backfillId, lane, number)
      if (E.isLeft(part) || O.isNone(part.right)) break
      const { partition } = part.right.value
      open.push(...openStudies(part.right.value).map((studyInstanceUid) => ({ partition, studyInstanceUid })))
    }
  }
  return open
}

/** Of each partition the first few. */
const listedNow = async ({ run, ports }: Asker) => {
  const partitions = await partitionsOf(run, ports)
  const listed: Array<StudyKey> = []
  for (const partition of E.isRight(partitions) ? partitions.right : []) {
    const page = await ports.studyList.page(partition, 0, mostListed)()
    if (E.isRight(page)) listed.push(...page.right.map(({ studyInstanceUid }) => ({ partition, studyInstanceUid })))
  }
  return listed
}
