import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { ServiceError } from '../../domain/cast-error'
import { transactionText, updateEntry } from '../../domain/fhir/bundle'
import { checkId, checkResource } from '../../domain/fhir/position'
import { type Run, remainingMs } from '../context'
import { writeName } from '../feed-name'
import type { FhirServer, TransactOutcome } from '../ports'

type Result<A> = TE.TaskEither<ServiceError, A>

/** A server that was found to be wrong is tried again then: it may have been mended. */
const triedAgainAfterMs = 24 * 60 * 60 * 1_000

export const takesOldIfMatch =
  'The FHIR server carries out a transaction whose If-Match is old: two writers at the same time can undo each other'

const isDue = (run: Run): boolean => {
  const { name, settings, ports } = run
  if (name?.feedId === undefined || run.stopping() || remainingMs(run) <= 0) return false
  const { conditions } = name
  if (conditions?.fhirBase !== settings.fhirBase) return true
  return !conditions.refusesOld && ports.clock.now() - conditions.triedAt > triedAgainAfterMs
}

/**
 * After a commit, once an installation and FHIR server: the answer is kept beside the feed's name, which each run reads
 * anyway, since a host that starts processes all day would try it all day. It fails nothing, and what could not be told
 * is tried by the next run.
 */
export const tryConditions = async (run: Run): Promise<void> => {
  if (!isDue(run)) return
  const tried = await refusesOld(trialOf(run))()
  if (E.isLeft(tried) || run.name === undefined) return
  if (!tried.right) run.ports.log('warn', takesOldIfMatch)
  const { etag: _etag, ...name } = run.name
  const { fhirBase } = run.settings
  await writeName(run, { ...name, conditions: { fhirBase, refusesOld: tried.right, triedAt: run.ports.clock.now() } })
}

/** What the trial needs of a run, or of who only looks. */
export interface Trial {
  readonly fhir: Pick<FhirServer, 'put' | 'read' | 'transact'>
  readonly uuid: () => string
  readonly fhirBase: string
  /** Asked before each request that writes. */
  readonly mayWrite: () => E.Either<ServiceError, void>
}

const trialOf = ({ ports: { fhir, random }, settings: { fhirBase }, lease }: Run): Trial => ({
  ...{ fhir, fhirBase, uuid: random.uuid, mayWrite: lease.check },
})

/**
 * Of a resource of its own, which all installations share: never of the position of a feed. False where it was refused:
 * another one writes it at the same time, or the server fails.
 */
export const storeTried = ({ fhir, uuid, mayWrite }: Trial): Result<boolean> =>
  pipe(
    TE.fromEither(mayWrite()),
    TE.flatMap(() => fhir.put('Basic', checkId, JSON.stringify(checkResource(uuid())))),
    TE.map(() => true),
    TE.orElse((error) => (error._tag === 'FhirConflict' ? TE.right(false) : TE.left(error))),
  )

export const versionOfTried = ({ fhir }: Trial): Result<string> =>
  pipe(
    fhir.read('Basic', checkId),
    TE.flatMap((stored) => {
      const version = O.toUndefined(stored)?.meta?.versionId
      return version === undefined ? TE.left(noOldVersion) : TE.right(version)
    }),
  )

const noOldVersion: ServiceError = {
  ...{ _tag: 'ServiceUnavailable', hop: 'fhir', reason: 'an old version cannot be had' },
}

export const updateTried = ({ fhir, uuid, fhirBase, mayWrite }: Trial, version: string): Result<TransactOutcome> => {
  const body = transactionText([updateEntry(fhirBase, checkResource(uuid()), version)])
  return pipe(
    TE.fromEither(mayWrite()),
    TE.flatMap(() => fhir.transact(body, 1, 'check')),
  )
}

/** Whoever writes it, the version before is old. */
export const refusesOld = (trial: Trial): Result<boolean> =>
  pipe(
    storeTried(trial),
    TE.flatMap(() => versionOfTried(trial)),
    TE.bindTo('version'),
    TE.bind('moved', () => storeTried(trial)),
    TE.flatMap(({ version, moved }) =>
      pipe(
        updateTried(trial, version),
        TE.map(({ _tag }) => _tag === 'Rejected'),
        TE.orElse((error) =>
          error._tag === 'FhirConflict' && (error.status === 409 || error.status === 412)
            ? TE.right(true)
            : TE.left(error),
        ),
        TE.filterOrElse(
          (refuses) => refuses || moved,
          (): ServiceError => noOldVersion,
        ),
      ),
    ),
  )
