import type { CastSettings } from '../context'
import type { CheckPorts } from '../ports-check'
import type { Fact, FactState } from './check-facts'
import { fhirFacts } from './check-fhir'
import { dicomFacts, storageFacts, wayFacts } from './check-services'

export interface Addresses {
  readonly dicom: string
  readonly fhir: string
}

export interface Checked {
  readonly facts: ReadonlyArray<Fact>
  /** A run has moved a checkpoint; none when that is not known. */
  readonly hasBegun?: boolean
}

/**
 * What a first cast would stumble over, asked service by service: one that is down or refuses us keeps no other from
 * being asked. Nothing of a patient is read or written; what is written is ours alone, and no feed's.
 */
export const readFacts = async (ports: CheckPorts, settings: CastSettings, addresses: Addresses): Promise<Checked> => {
  const storage = storageFacts(ports, settings)
  const closed = storage.then((found) => found.closed)
  const [ofStorage, ...others] = await Promise.all([
    storage,
    wayFacts(ports, 'dicom', addresses.dicom),
    dicomFacts(ports, settings),
    wayFacts(ports, 'fhir', addresses.fhir),
    fhirFacts(ports, settings, closed),
  ])
  const { facts, hasBegun } = ofStorage
  return { facts: [...others.flat(), ...facts], ...(hasBegun === undefined ? {} : { hasBegun }) }
}

export interface Next {
  readonly command: string
  readonly why: string
}

export const stateOf = (facts: ReadonlyArray<Fact>): Exclude<FactState, 'unknown'> =>
  facts.some(({ state }) => state === 'bad') ? 'bad' : facts.some(({ state }) => state === 'look') ? 'look' : 'fine'

/** What to run now. */
export const nextOf = ({ facts, hasBegun }: Checked): Next => {
  if (stateOf(facts) === 'bad') {
    return { command: 'dicomcast check', why: 'when what is bad is mended' }
  }
  if (facts.some(({ name, state }) => name === 'gate' && state === 'look')) {
    return { command: 'dicomcast status', why: 'it says who paused it, and since when' }
  }
  if (hasBegun !== true && facts.some(({ name }) => name === 'dicom-source')) {
    return {
      command: 'dicomcast reconcile --dry-run',
      why: 'it says how many studies would be cast, and writes nothing',
    }
  }
  return hasBegun === true
    ? { command: 'dicomcast status', why: 'it says how far behind it is, and what failed' }
    : { command: 'dicomcast preview', why: 'it shows what the first cast would write, and writes nothing' }
}
