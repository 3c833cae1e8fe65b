import type { FhirResource } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { FhirSearch, FhirServer, TransactOutcome } from '../../lib/app/ports'
import type { ServiceError } from '../../lib/domain/cast-error'
import type { CurrentCheck } from './check-current'
import { type FhirStore, type Outcome, type Transaction, asksForNothing } from './fhir-store'
import type { Account } from './original'
import type { OtherSystems } from './other-systems'
import { type Process, pass, request } from './process'
import type { Verdicts } from './verdicts'
import type { World } from './world'

type Answer<A> = E.Either<ServiceError, A>

export interface FhirSide {
  readonly store: FhirStore
  readonly verdicts: Verdicts
  readonly others: OtherSystems
  /** What the original wrote before. */
  account?: Account
  /** The server has refused to delete it, or something may have come between. */
  readonly mayStayEmptied?: (path: string) => boolean
  readonly current?: CurrentCheck
  /** What a backfill wrote, by path: which of the images that differ came last, nobody told it. */
  readonly rebuilt?: Set<string>
  /** It knows no Basic: a feed has no position there. */
  readonly hasNoBasic?: boolean
  /** After every commit, whoever's. */
  readonly committed: (bundle: Transaction, outcome: Outcome, byProcess: Process) => void
  /** Transactions that are still at work though their answer was given up. */
  pending: number
}

/** No run of these small worlds comes near it. */
const mostTransactions = 1_000

const unavailable = (reason: string, more: object = {}): Answer<never> =>
  E.left({ _tag: 'ServiceUnavailable', hop: 'fhir', reason, ...more })
const answerLost = (reason: string, status?: number): Answer<never> =>
  unavailable(reason, { answerLost: true, ...(status === undefined ? {} : { status }) })

const describeEntries = ({ entry = [] }: Transaction): string =>
  entry
    .map(({ request: sent, resource }) => {
      if (resource?.resourceType === 'Basic') return `position${sent?.ifMatch ?? ''}`
      const what = `${sent?.method} ${sent?.url}${sent?.ifMatch ?? ''}`
      if (resource?.resourceType === 'Patient') return `${what} {${resource.name?.[0]?.given?.[0] ?? '-'}}`
      if (resource?.resourceType !== 'ImagingStudy') return what
      const uids = (resource.series ?? []).flatMap(({ instance }) => (instance ?? []).map(({ uid }) => uid))
      return `${what} {${resource.subject.reference?.slice(0, 16)} “${resource.description ?? ''}”: ${uids.join(' ')}}`
    })
    .join(', ')

/** The FHIR server as one run meets it. */
export const fhirServerFor = (world: World, side: FhirSide, process: Process): FhirServer => {
  const { faults, random, scheduler, say } = world
  const { store, verdicts, others } = side

  const trouble = (writes: boolean): Answer<never> | undefined => {
    if (faults.isOn('fhir: outage'))
      return unavailable('down', random.chance(0.5) ? { status: 503, retryAfterMs: 1_000 } : {})
    if (writes && faults.isOn('fhir: writes down')) {
      return random.chance(0.5)
        ? answerLost('writes are down', 503)
        : unavailable('writes are down', { status: 503, retryAfterMs: 1_000 })
    }
    if (faults.strikes('fhir: 429'))
      return unavailable('busy', { status: 429, retryAfterMs: random.between(100, 5_000) })
    if (!faults.strikes('fhir: 503')) return undefined
    return writes && random.chance(0.5)
      ? answerLost('trouble', 503)
      : unavailable('trouble', { status: 503, retryAfterMs: 500 })
  }

  /** What overlaps a transaction (ADR 2): the first look-up of the batch behind it, and that only where there is a position. */
  const checkBeside = (searches: ReadonlyArray<FhirSearch>): ReadonlyArray<string> => [
    ...(side.hasNoBasic === true ? [`${process.name} looks up beside its transaction, and has no position`] : []),
    ...(searches[0]?.type === 'Endpoint'
      ? []
      : [`${process.name} asks for more than comes first beside its transaction`]),
  ]

  const ask = <A>(
    label: string,
    serve: () => Answer<A> | Promise<Answer<A>>,
    show: (answer: A) => string = () => 'ok',
  ) =>
    request(world, process, `fhir.${label}`, serve, (answer) =>
      E.isLeft(answer) ? JSON.stringify(answer.left) : show(answer.right),
    )

  /** Work whose answer nobody waits for any more. */
  const later = (what: string, work: () => void): void => {
    side.pending += 1
    scheduler.after(random.between(500, 700_000), () => {
      side.pending -= 1
      say(() => `${process.name} fhir LATE ${what}`)
      work()
    })
  }

  const commit = (bundle: Transaction, conditions?: ReturnType<FhirStore['conditions']>): Answer<TransactOutcome> => {
    others.meddle(bundle, conditions !== undefined)
    const verdict = verdicts.of(bundle)
    if (verdict === 'rejected') {
      process.splitting = true
      return E.right({ _tag: 'Rejected', error: { _tag: 'FhirRejected', status: 400, issues: ['invalid'] } })
    }
    if (verdict === 'forbidden')
      return E.left({ _tag: 'AccessDenied', hop: 'fhir', status: 403, reason: 'not this one' })
    if (verdict === 'unavailable') return unavailable('not this one', { status: 503, retryAfterMs: 100 })
    if (verdict === 'answer lost') return answerLost('not this one', 500)
    side.current?.unknown(bundle, process).forEach(world.violate)
    const outcome = store.transact(bundle, conditions)
    side.current?.carriedOut(bundle, outcome, process)
    side.committed(bundle, outcome, process)
    if (outcome._tag === 'Refused') {
      say(() => `fhir  refuses: ${outcome.why}`)
      return outcome.status === 400
        ? E.right({ _tag: 'Rejected', error: { _tag: 'FhirRejected', status: 400, issues: ['invalid'] } })
        : E.left({ _tag: 'FhirConflict', status: outcome.status })
    }
    return E.right({ _tag: 'Committed', entries: outcome.entries })
  }

  /** A server whose creates are no lock asks first, and writes later: meanwhile somebody else creates the same. */
  const conditionsOf = async (bundle: Transaction): Promise<ReturnType<FhirStore['conditions']> | undefined> => {
    if (!faults.has('fhir: creates are no lock') || !faults.strikes('fhir: creates are no lock')) return undefined
    const found = store.conditions(bundle)
    await pass(world, process, random.between(10, 2_000), 'fhir.transact')
    others.race(bundle)
    return found
  }

  const timeout = async (): Promise<Answer<never>> => {
    await pass(world, process, random.chance(0.5) ? random.between(10, 500) : 100_000, 'fhir.transact times out')
    return answerLost('no answer')
  }

  const transact = async (bundle: Transaction): Promise<Answer<TransactOutcome>> => {
    const troubled = trouble(true)
    if (troubled !== undefined) return troubled
    if (faults.strikes('fhir: late commit')) {
      side.current?.sent(bundle, process)
      later('transaction', () => void commit(bundle))
      return timeout()
    }
    const answer = commit(bundle, await conditionsOf(bundle))
    if (E.isRight(answer) && answer.right._tag === 'Committed' && faults.strikes('fhir: lost answer')) {
      if (answer.right.entries.some(({ status }) => status === 201)) faults.meet('lost answer × create')
      return timeout()
    }
    if (E.isLeft(answer) || answer.right._tag !== 'Committed') return answer
    if (!faults.strikes('fhir: tells no version of what it wrote')) return answer
    side.current?.untold(bundle, process)
    const { entries } = answer.right
    return E.right({ ...answer.right, entries: entries.map((entry) => ({ ...entry, etag: undefined })) })
  }

  return {
    check: () => () => ask('check', () => trouble(false) ?? E.right({ offersBasic: side.hasNoBasic !== true })),
    read: (type, id) => () =>
      ask(
        `read ${type}`,
        (): Answer<O.Option<FhirResource>> => {
          const troubled = trouble(false)
          if (troubled !== undefined) return troubled
          side.current?.read(`${type}/${id}`, process)
          return E.right(O.fromNullable(store.get(`${type}/${id}`)))
        },
        (found) => (O.isNone(found) ? 'none' : `version ${found.value.meta?.versionId}`),
      ),
    put: (type, id, body) => () =>
      ask(`put ${type}`, () => {
        const write = (): void => store.put(`${type}/${id}`, JSON.parse(body) as FhirResource)
        const troubled = trouble(true)
        if (troubled !== undefined) return troubled
        if (faults.strikes('fhir: late commit')) {
          later(`put ${type}`, write)
          return timeout()
        }
        write()
        return faults.strikes('fhir: lost answer') ? timeout() : E.right(undefined)
      }),
    search: (searches) => () => {
      if (process.writing > 0) checkBeside(searches).forEach(world.violate)
      return ask(
        `search ${searches.map(({ type }) => type).join(' ')}`,
        async (): Promise<Answer<ReadonlyArray<ReadonlyArray<FhirResource>>>> => {
          const troubled = trouble(false)
          if (troubled !== undefined) return troubled
          const found: Array<ReadonlyArray<FhirResource>> = []
          const told = side.current?.lookUp(process)
          for (const { type, parameters } of searches) {
            if (asksForNothing(parameters)) {
              world.violate(`a search of ${type} for nothing: ${JSON.stringify(parameters)}`)
              return unavailable('a token without a value', { status: 400 })
            }
            found.push(store.search(type, parameters))
            // A batch of searches is no snapshot.
            if (random.chance(0.3)) await pass(world, process, random.between(1, 10), 'fhir.search')
          }
          told?.(JSON.stringify(searches), found.flat())
          return E.right(found)
        },
        (found) =>
          found
            .map((hits) =>
              hits.map(({ resourceType, id, meta }) => `${resourceType}/${id}@${meta?.versionId}`).join(' '),
            )
            .join(' | '),
      )
    },
    transact: (body, entries) => () => {
      const bundle = JSON.parse(body) as Transaction
      if (process.looks) world.violate(`${process.name} writes, and should only look`)
      process.transactions += 1
      if (process.transactions === mostTransactions) world.violate(`${process.name} sends without end`)
      if (process.checkpointing) world.violate(`${process.name} writes to FHIR while its last checkpoint is on its way`)
      if (
        bundle.entry?.some(({ request }) => request?.url.startsWith('Basic/') === true && request.ifMatch === undefined)
      )
        world.violate(`${process.name} writes its position, whatever the version`)
      if (bundle.entry?.length !== entries)
        world.violate(`a bundle of ${bundle.entry?.length} entries was called one of ${entries}`)
      process.writing += 1
      return ask(
        `transact ${describeEntries(bundle)}`,
        () => transact(bundle),
        (outcome) => (outcome._tag === 'Rejected' ? 'REJECTED' : outcome.entries.map(({ status }) => status).join(' ')),
      ).finally(() => (process.writing -= 1))
    },
  }
}
