import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import { type KnownRow, headOf } from '../../domain/checkpoint'
import { type Hop, type ServiceError, describeServiceError } from '../../domain/cast-error'
import type { CastSettings } from '../context'
import { disagreementOf } from '../feed-name'
import { whatItDoes } from '../gate-open'
import type { CheckPorts, HttpHop, QueueTried, Reached, TokenFacts } from '../ports-check'
import type { StudySource } from '../ports-source'
import { type Fact, fact, factOf } from './check-facts'
import { readPartitionWarnings } from './partition-warnings'
import { ago, plural } from './words'

/** Tokens and signed requests are refused after some minutes, and ages are told wrongly before. */
const skewToleratedS = 60
/** A Date header has whole seconds. */
const dateStepMs = 1_000

const clockFact = (hop: Exclude<Hop, 'identity'>, reached: Timed<Reached>): Fact => {
  const { result, from, to } = reached
  const servedAt = E.isRight(result) ? result.right.servedAt : undefined
  if (servedAt === undefined) return fact(`${hop}-clock`, 'unknown', 'it told no time')
  // It was that time there at some moment between asking and the answer.
  const skewMs = Math.min(0, servedAt + dateStepMs - from) + Math.max(0, servedAt - to)
  const skewS = Math.round(Math.abs(skewMs) / 1_000)
  return skewS > skewToleratedS
    ? fact(`${hop}-clock`, 'look', `its clock is ${ago(skewS)} ${skewMs > 0 ? 'ahead of' : 'behind'} ours`)
    : fact(`${hop}-clock`, 'fine', `its clock is ours, within ${skewToleratedS} s`)
}

interface Timed<A> {
  readonly result: E.Either<ServiceError, A>
  /** ms. */
  readonly from: number
  readonly to: number
}

const timed = async <A>({ clock }: CheckPorts, ask: TE.TaskEither<ServiceError, A>): Promise<Timed<A>> => {
  const from = clock.now()
  const result = await ask()
  return { result, from, to: clock.now() }
}

const tokenWords = (token: O.Option<TokenFacts>): string => {
  if (O.isNone(token)) return 'no token is sent'
  const { audience, clientId, isPassword = false } = token.value
  if (isPassword) return 'a name and a password are sent'
  const whose = clientId === undefined ? '' : `, of application ${clientId}`
  return `there is a token${audience === undefined ? '' : ` for ${audience}`}${whose}`
}

/** Can it be reached, what time is it there, and as whom do we come? */
export const wayFacts = async (ports: CheckPorts, hop: HttpHop, address: string): Promise<ReadonlyArray<Fact>> => {
  const [reached, token] = await Promise.all([timed(ports, ports.reach[hop]()), ports.token[hop]()()])
  const how = /^https:/i.test(address) ? 'over TLS' : 'over plain http'
  return [
    factOf(`${hop}-reach`, reached.result, () => `${address} answers ${how}`),
    clockFact(hop, reached),
    factOf(`${hop}-identity`, token, tokenWords),
  ]
}

const headFact = (head: number): string => (head === 0 ? 'it is read, and empty' : `it is read, up to ${head}`)

const logWords = (newest: O.Option<KnownRow>): string => `its log is read, up to ${headOf(newest)}`

/** Of an archive without a change feed: what tells of changes there, and whether its studies can be read. */
const sourceFacts = async ({ dicom }: CheckPorts, { kind, log, list }: StudySource): Promise<ReadonlyArray<Fact>> => {
  const [told, studies] = await Promise.all([
    log === undefined ? TE.map(() => 'its list of studies is read')(list(0, 1))() : TE.map(logWords)(dicom.latest())(),
    dicom.probeStudies(0)(),
  ])
  return [
    factOf('dicom-source', told, (words) => `${kind}: ${words}; dicomcast reconcile finds what that does not tell`),
    factOf('dicom-studies', studies, () => 'the metadata of a study is found, or there is none'),
  ]
}

export const dicomFacts = async (ports: CheckPorts, settings: CastSettings): Promise<ReadonlyArray<Fact>> => {
  const { dicom, clock, source } = ports
  if (source !== undefined) return sourceFacts(ports, source)
  const [latest, v2, partitions] = await Promise.all([
    dicom.latest()(),
    dicom.window(new Date(clock.now()).toISOString(), 0)(),
    readPartitionWarnings(ports, settings),
  ])
  const second = factOf('dicom-feed-v2', v2, () => 'it is read')
  const third =
    partitions === undefined
      ? fact('dicom-partitions', 'unknown', 'the service did not tell them')
      : partitions.length > 0
        ? fact('dicom-partitions', 'look', partitions.join('\n'))
        : fact('dicom-partitions', 'fine', 'they are what the settings expect')
  if (E.isLeft(latest)) {
    const untried = fact('dicom-studies', 'unknown', 'not tried: the feed could not be read')
    return [factOf('dicom-feed-v1', latest, () => ''), second, untried, third]
  }
  const head = headOf(latest.right)
  const [v1, studies] = await Promise.all([dicom.range(Math.max(0, head - 1), 1, false)(), dicom.probeStudies(head)()])
  return [
    factOf('dicom-feed-v1', v1, () => headFact(head)),
    second,
    factOf('dicom-studies', studies, () => 'an image of the feed is found at its URL, or there is none'),
    third,
  ]
}

/** Until there is a backfill, nobody needs the queue: that it cannot be used is no fault. */
const queueFact = (tried: E.Either<ServiceError, QueueTried>, isNeeded: boolean): Fact => {
  if (E.isLeft(tried) && !isNeeded) {
    return fact('storage-queue', 'unknown', `only a backfill needs it: ${describeServiceError(tried.left)}`)
  }
  return factOf('storage-queue', tried, ({ isThere, poisoned }) => {
    if (!isThere) return 'there is none yet: a backfill makes it'
    return poisoned === 0
      ? 'its messages can be renewed'
      : { state: 'look', says: `about ${plural(poisoned, 'message')} in its poison queue: the host died over each` }
  })
}

export interface StorageFacts {
  readonly facts: ReadonlyArray<Fact>
  /** In words, why nothing is written; none while the gate is open or cannot be read. */
  readonly closed?: string
  /** A run has moved a checkpoint; none when that is not known. */
  readonly hasBegun?: boolean
}

export const storageFacts = async (ports: CheckPorts, settings: CastSettings): Promise<StorageFacts> => {
  const [lease, queue, named, written, gate] = await Promise.all([
    timed(ports, ports.tryLease()),
    ports.tryQueue()(),
    ports.checkpoints.readNamed()(),
    // No column at all is written: the row is made, or stays as it is.
    ports.history.beat({})(),
    ports.gate.read()(),
  ])
  const name = E.isRight(named) ? O.toUndefined(named.right.name) : undefined
  const disagreement = name === undefined ? undefined : disagreementOf(name, settings.dicom.root)
  const row = E.isRight(gate) && O.isSome(gate.right) ? gate.right.value : undefined
  const closed = row === undefined || row.state === 'running' ? undefined : whatItDoes[row.state]
  const stored = E.isRight(named) && O.isSome(named.right.checkpoint) ? named.right.checkpoint.value : undefined
  return {
    facts: [
      factOf('storage-lease', lease.result, () => 'a blob can be leased'),
      factOf('storage-read', named, () =>
        stored === undefined
          ? 'there is no checkpoint yet'
          : `the checkpoint is ${stored.checkpoint.syncedSequence}, with ${plural(stored.checkpoint.holes.length, 'open hole')}`,
      ),
      factOf('storage-write', written, () => 'a row can be written'),
      queueFact(queue, row?.state === 'backfill'),
      clockFact('storage', lease),
      factOf('gate', gate, () => (closed === undefined ? 'open' : { state: 'look', says: closed })),
      ...(disagreement === undefined ? [] : [fact('dicom-name', 'bad', describeServiceError(disagreement))]),
    ],
    ...(closed === undefined ? {} : { closed }),
    ...(E.isLeft(named) ? {} : { hasBegun: stored !== undefined }),
  }
}
