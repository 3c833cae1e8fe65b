import * as E from 'fp-ts/Either'
import { pipe } from 'fp-ts/function'
import * as TE from 'fp-ts/TaskEither'
import { checkId } from '../../domain/fhir/position'
import type { CastSettings } from '../context'
import type { CheckPorts } from '../ports-check'
import { type Trial, refusesOld, storeTried, takesOldIfMatch, updateTried, versionOfTried } from '../run/try-conditions'
import { type Fact, fact, factOf } from './check-facts'

const writes = ['fhir-write', 'fhir-transaction', 'fhir-if-match'] as const

const notTried = (why: string, names: ReadonlyArray<(typeof writes)[number]> = writes): ReadonlyArray<Fact> =>
  names.map((name) => fact(name, 'unknown', `not tried: ${why}`))

/** `closed`: why nothing may be written, in words; none while the gate is open or cannot be read. */
export const fhirFacts = async (
  ports: CheckPorts,
  { fhirBase }: CastSettings,
  closed: Promise<string | undefined>,
): Promise<ReadonlyArray<Fact>> => {
  const { fhir, random } = ports
  const [probed, read] = await Promise.all([
    fhir.probe()(),
    // It finds nothing, and asks for nobody: a server that is none, or refuses us, cannot answer it well.
    fhir.search([{ type: 'Endpoint', parameters: [['_id', checkId]] }])(),
  ])
  const trial: Trial = { fhir, fhirBase, uuid: random.uuid, mayWrite: () => E.right(undefined) }
  const isShut = await closed
  return [
    factOf('fhir-r4', probed, () => 'FHIR 4.0 with transactions'),
    E.isLeft(probed)
      ? fact('fhir-basic', 'unknown', 'it did not say what it offers')
      : probed.right.offersBasic
        ? fact('fhir-basic', 'fine', 'it offers Basic')
        : fact('fhir-basic', 'look', 'it offers no Basic: a run that sleeps past its lease is not fenced off'),
    factOf('fhir-read', read, () => 'a search is answered'),
    ...(E.isLeft(probed)
      ? notTried('nothing is written to what is not known to be a FHIR R4 server')
      : !probed.right.offersBasic
        ? notTried('there is no Basic to try it on')
        : isShut !== undefined
          ? notTried(isShut)
          : await writeFacts(trial)),
  ]
}

const writeFacts = async (trial: Trial): Promise<ReadonlyArray<Fact>> => {
  const stored = await storeTried(trial)()
  const storedFact = factOf('fhir-write', stored, () => `Basic/${checkId} was stored`)
  if (E.isLeft(stored)) {
    return [storedFact, ...notTried('nothing could be stored', ['fhir-transaction', 'fhir-if-match'])]
  }
  const sent = await pipe(
    versionOfTried(trial),
    TE.flatMap((version) => updateTried(trial, version)),
  )()
  const old = await refusesOld(trial)()
  return [
    storedFact,
    factOf('fhir-transaction', sent, ({ _tag }) =>
      _tag === 'Committed'
        ? 'a transaction was carried out'
        : { state: 'bad', says: 'it refuses a transaction that only updates what it has just stored' },
    ),
    factOf('fhir-if-match', old, (refuses) =>
      refuses ? 'a transaction whose If-Match is old is refused' : { state: 'look', says: takesOldIfMatch },
    ),
  ]
}
