import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../domain/cast-error'
import { type Hang, noteHang, withoutHangs } from '../../domain/hangs'
import type { Run } from '../context'
import {
  type EntryRow,
  didNotCome,
  hasMetadata,
  inOrder,
  malformed,
  needsMetadata,
  neighbours,
  patienceMs,
  readByItsRoute,
  readOnce,
  shortestWaitMs,
} from './ask-rows'
import type { RangeRead, ReadRow } from './read-page'

type Result<A> = Promise<E.Either<ServiceError, A>>
type Answers = ReadonlyMap<number, E.Either<ServiceError, ReadRow>>

/** What a run knows of ranges that do not come in time. The checkpoint keeps it: a wait fills a run. */
export interface SlowRanges {
  hangs: ReadonlyArray<Hang>
}

/** Rows, and others to compare with, that are asked for side by side. */
const atOnce = 4
/** How often a row must not come, while another does, before it is blamed. */
const mostTries = 3

/**
 * A range that did not come in time: one blob of it hangs, or all are slow. Each row is asked for alone, several side by
 * side, so that one wait tells which. The rows before the first that does not come are given at once. That row is blamed
 * by comparison only: three times another came and it did not, and at last not by its own route either.
 */
export const readOneByOne = async (run: Run, offset: number, width: number, slow: SlowRanges): Result<RangeRead> => {
  const numbers = { from: offset + 1, to: offset + width }
  const known = slow.hangs
  if (!known.some(({ from, to }) => from <= numbers.from && numbers.to <= to)) {
    slow.hangs = noteHang(known, { ...numbers, tries: 0 })
  }
  const bare = await readOnce(run, offset, width, false)
  if (E.isLeft(bare)) return bare
  const asked = bare.right.rows.filter(needsMetadata)
  const answers = await askEach(run, asked)
  const came = [...answers.values()].flatMap((answer) => (E.isRight(answer) ? [answer.right] : []))
  const good = [...bare.right.rows.filter((row) => !needsMetadata(row)), ...came]
  const open = asked.filter(({ sequence }) => !isRight(answers.get(sequence)))
  const hanging = open.filter(({ sequence }) => isHanging(answers.get(sequence)))
  const isCompared = hanging.length > 0 && (came.some(hasMetadata) || (await othersCome(run, offset, width)))
  slow.hangs = noted(known, numbers, open, hanging, isCompared)
  const upTo = (to: number, rows: ReadonlyArray<ReadRow> = good): E.Either<ServiceError, RangeRead> =>
    E.right({ ...bare.right, rows: inOrder(rows.filter(({ sequence }) => sequence <= to)), to, oneByOne: true })
  const [first] = open
  if (first === undefined) return upTo(numbers.to)
  if (first.sequence > numbers.from) return upTo(first.sequence - 1)
  // Whatever ends the run now, this is why.
  if (hanging.includes(first)) run.trouble = hangs(first)
  const answer = answers.get(first.sequence)
  if (answer !== undefined && E.isLeft(answer) && !didNotCome(answer.left)) return answer
  if (triesOf(slow.hangs, first) < mostTries || !isCompared) return E.left(hangs(first))
  const own = await readByItsRoute(run, first, patienceMs(run))
  if (E.isRight(own)) return upTo(first.sequence, [own.right])
  if (own.left !== undefined && !didNotCome(own.left)) return E.left(own.left)
  if (!(await othersCome(run, offset, width))) return E.left(hangs(first))
  return upTo(first.sequence, [malformed(first, 'metadata does not come in time')])
}

const isRight = (answer: E.Either<unknown, unknown> | undefined): boolean => answer !== undefined && E.isRight(answer)
const isHanging = (answer: E.Either<ServiceError, unknown> | undefined): boolean =>
  answer !== undefined && E.isLeft(answer) && didNotCome(answer.left)

const triesOf = (known: ReadonlyArray<Hang>, { sequence }: EntryRow): number =>
  known.find(({ from, to }) => from === sequence && to === sequence)?.tries ?? 0

const hangs = ({ sequence }: EntryRow): ServiceError => ({
  _tag: 'ServiceUnavailable',
  hop: 'dicom',
  reason: `the metadata of the feed's row ${sequence} does not come in time`,
  timedOut: true,
})

/** In order, so that those before one that hangs have had their turn. Ends when none comes at all. */
const askEach = async (run: Run, rows: ReadonlyArray<EntryRow>): Promise<Answers> => {
  const { clock } = run.ports
  const answers = new Map<number, E.Either<ServiceError, ReadRow>>()
  const until = clock.now() + patienceMs(run)
  const queue = [...rows]
  const isOver = (): boolean => {
    const all = [...answers.values()]
    return (answers.size > 0 && clock.now() >= until) || (all.length >= atOnce && all.every(E.isLeft))
  }
  const lane = async (): Promise<void> => {
    while (queue.length > 0 && !isOver()) {
      const row = queue.shift()
      if (row === undefined) return
      const within = Math.max(shortestWaitMs, until - clock.now())
      const read = await readOnce(run, row.sequence - 1, 1, true, within)
      answers.set(row.sequence, E.map(({ rows: [alone] }: RangeRead) => alone ?? row)(read))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return answers
}

/** Rows that hang are known by themselves now. Those that had no turn are known as before: one of them may hang. */
const noted = (
  known: ReadonlyArray<Hang>,
  numbers: { readonly from: number; readonly to: number },
  open: ReadonlyArray<EntryRow>,
  hanging: ReadonlyArray<EntryRow>,
  isCompared: boolean,
): ReadonlyArray<Hang> => {
  const isSure = new Set(hanging)
  const rest = open.find((row) => !isSure.has(row) && row.sequence > (hanging[0]?.sequence ?? Infinity))
  const left = withoutHangs(known, numbers)
  const withRest = rest === undefined ? left : noteHang(left, { from: rest.sequence, to: numbers.to, tries: 0 })
  return hanging.reduce(
    (sofar, row) =>
      noteHang(sofar, {
        from: row.sequence,
        to: row.sequence,
        tries: Math.min(mostTries, triesOf(known, row) + (isCompared ? 1 : 0)),
      }),
    withRest,
  )
}

/** Whether metadata of another range comes meanwhile: else the store is down, or slow for all. */
const othersCome = async (run: Run, offset: number, width: number): Promise<boolean> => {
  const asked = (await neighbours(run, offset, width)).slice(0, atOnce)
  const answers = await Promise.all(asked.map((each) => readOnce(run, each - 1, 1, true, shortestWaitMs)))
  return answers.some((answer) => E.isRight(answer) && answer.right.rows.some(hasMetadata))
}
