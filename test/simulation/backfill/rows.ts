import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { BackfillStore, Entered, Stored } from '../../../lib/app/ports-backfill-store'
import type { StudyKey } from '../../../lib/app/operate/resync'
import type { ServiceError } from '../../../lib/domain/cast-error'
import { type Process, request } from '../process'
import type { World } from '../world'
import type { BackfillSide } from './side'

type Answer<A> = E.Either<ServiceError, A>

const fails = (reason: string): Answer<never> =>
  E.left({ _tag: 'ServiceUnavailable', hop: 'storage', reason, status: 503 })

const copied = <A>(value: A): A => JSON.parse(JSON.stringify(value)) as A

const laneKey = (id: string, lane: number): string => `${id} ${lane}`
const partKey = (id: string, lane: number, part: number): string => `${id} ${lane} ${part}`
const studyKey = (id: string, { partition, studyInstanceUid }: StudyKey): string =>
  `${id} ${partition}/${studyInstanceUid}`

/** BackfillTable, as its adapter keeps it: rows are written with the ETag that they were read with, or inserted. */
export const backfillRowsFor = (world: World, side: BackfillSide, process: Process): BackfillStore => {
  const { faults } = world
  const ask = <A>(label: string, serve: () => Answer<A>): Promise<Answer<A>> =>
    request(
      world,
      process,
      `backfill.${label}`,
      () => {
        if (faults.strikes('tables: checkpoint fails')) return fails('backfill')
        const answer = serve()
        return faults.strikes('tables: checkpoint answer lost') ? fails('answer lost') : answer
      },
      (answer) => (E.isLeft(answer) ? answer.left._tag : 'ok'),
    )
  const stamped = <A extends object>(value: A): Stored<A> => ({ ...copied(value), etag: `b${++side.writes}` })
  const put = <A extends object>(
    rows: Map<string, Stored<A>>,
    key: string,
    value: A,
    etag: string | undefined,
  ): Answer<Stored<A>> => {
    if (rows.get(key)?.etag !== etag) return E.left({ _tag: 'CheckpointMoved' })
    const row = stamped(value)
    rows.set(key, row)
    return E.right(copied(row))
  }
  const found = <A>(rows: ReadonlyMap<string, A>, key: string): Answer<O.Option<A>> =>
    E.right(O.fromNullable(copied(rows.get(key) ?? null)))

  return {
    read: () => () => ask('read', () => E.right(O.fromNullable(copied(side.row ?? null)))),
    write: (row, etag) => () =>
      ask(`write ${row.state}`, () => {
        if (side.row?.etag !== etag) return E.left({ _tag: 'CheckpointMoved' })
        const before = side.row?.id === row.id ? side.row.state : undefined
        side.row = stamped(row)
        if (row.state === 'starting') side.beganAt = Math.min(side.beganAt, world.scheduler.now())
        const { head, checkpoint = 0 } = row
        if (head !== undefined && checkpoint >= head.sequence) side.passedTo = Math.max(side.passedTo, head.sequence)
        if (row.state !== before) side.onState(row.state)
        return E.right(copied(side.row))
      }),
    lane: (id, lane) => () => ask(`lane ${lane}`, () => found(side.lanes, laneKey(id, lane))),
    writeLane: (id, row, etag) => () =>
      ask(`writeLane ${row.lane} ${row.settled}`, () => put(side.lanes, laneKey(id, row.lane), row, etag)),
    part: (id, lane, part) => () => ask(`part ${lane}/${part}`, () => found(side.parts, partKey(id, lane, part))),
    writePart: (id, row, etag) => () =>
      ask(`writePart ${row.lane}/${row.part} ${row.isSettled ? 'settled' : row.open.length}`, () =>
        put(side.parts, partKey(id, row.lane, row.part), row, etag),
      ),
    enter: (id, partition, studies) => () =>
      ask(`enter ${studies.map(({ studyInstanceUid }) => studyInstanceUid).join(' ')}`, () =>
        E.right(
          studies.flatMap((study): ReadonlyArray<Entered> => {
            const key = studyKey(id, { partition, studyInstanceUid: study.studyInstanceUid })
            const before = side.entered.get(key)
            if (before !== undefined) return [copied(before)]
            side.entered.set(key, copied(study))
            return []
          }),
        ),
      ),
    moveTo: (id, partition, study) => () =>
      ask(`moveTo ${study.studyInstanceUid}`, () => {
        side.entered.set(studyKey(id, { partition, studyInstanceUid: study.studyInstanceUid }), copied(study))
        return E.right(undefined)
      }),
    entered: (id, partition, studies) => () =>
      ask('entered', () =>
        E.right(
          studies.flatMap((uid) => copied(side.entered.get(studyKey(id, { partition, studyInstanceUid: uid })) ?? [])),
        ),
      ),
    leaveOver: (id, studies) => () =>
      ask(`leaveOver ${studies.map(({ studyInstanceUid }) => studyInstanceUid).join(' ')}`, () => {
        for (const study of studies) side.left.set(studyKey(id, study), copied(study))
        return E.right(undefined)
      }),
    leftOver: (id, limit) => () =>
      ask('leftOver', () =>
        E.right(
          [...side.left]
            .filter(([key]) => key.startsWith(`${id} `))
            .sort(([left], [right]) => (left < right ? -1 : 1))
            .slice(0, limit)
            .map(([, study]) => copied(study)),
        ),
      ),
    writeGiven: (id, at, chunk) => () =>
      ask(`writeGiven ${at}`, () => {
        side.given.set(laneKey(id, at), copied(chunk))
        return E.right(undefined)
      }),
    given: (id, at) => () => ask(`given ${at}`, () => found(side.given, laneKey(id, at))),
    takeLeftOver: (id, study) => () =>
      ask(`takeLeftOver ${study.studyInstanceUid}`, () => {
        side.left.delete(studyKey(id, study))
        return E.right(undefined)
      }),
  }
}
