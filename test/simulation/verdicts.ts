import type { FhirResource, ImagingStudy } from 'fhir/r4'
import type { FaultKind } from './faults'
import type { Transaction } from './fhir-store'
import type { World } from './world'

export type Verdict = 'fine' | 'rejected' | 'unavailable' | 'forbidden' | 'answer lost'

/** What the server will never take: decided when it first sees it, and for good. */
export interface Verdicts {
  readonly of: (bundle: Transaction) => Verdict
  /** Instances, studies and patients (`system|value`) that it refuses or fails for. */
  readonly rejects: (name: string) => boolean
  readonly failsFor: (name: string) => boolean
  readonly rejectedEverything: () => boolean
  readonly any: () => boolean
  readonly failsForSome: () => boolean
}

const namesIn = (resource: FhirResource): ReadonlyArray<readonly [kind: FaultKind, name: string]> => {
  if (resource.resourceType === 'Patient') {
    return (resource.identifier ?? []).map(({ value }) => ['fhir: rejects a patient', `Patient ${value}`] as const)
  }
  if (resource.resourceType !== 'ImagingStudy') return []
  const study: ImagingStudy = resource
  const partition = study.meta?.source?.split('/partitions/')[1] ?? 'Microsoft.Default'
  const uid = (study.identifier ?? []).find(({ value }) => value?.startsWith('urn:oid:') === true)?.value?.slice(8)
  const name = `${partition}/${uid}`
  const studies = uid === undefined ? [] : [['fhir: rejects a study', `Study ${name}`] as const]
  // One SOPInstanceUID may stand in two studies: these are two instances, and one of them is the culprit.
  const instances = (study.series ?? []).flatMap(({ instance }) =>
    (instance ?? []).map((each) => ['fhir: rejects an instance', `Instance ${name}/${each.uid}`] as const),
  )
  return [...studies, ...instances]
}

export const makeVerdicts = (world: World): Verdicts => {
  const { faults } = world
  const random = world.random.fork('verdicts')
  const known = new Map<string, Verdict>()
  let [everything, failing] = [false, false]

  const verdictOn = (kind: FaultKind, name: string): Verdict => {
    const before = known.get(name)
    if (before !== undefined) return before
    const drawn: Verdict = faults.strikes(kind)
      ? 'rejected'
      : !failing && faults.strikes('fhir: fails for one body')
        ? random.pick(['unavailable', 'forbidden', 'answer lost'] as const)
        : 'fine'
    known.set(name, drawn)
    // One: two that fail side by side are an outage, as long as nothing else is there to compare them with.
    failing ||= drawn !== 'fine' && drawn !== 'rejected'
    return drawn
  }

  return {
    of: (bundle) => {
      const resources = (bundle.entry ?? []).flatMap(({ resource }) => (resource === undefined ? [] : [resource]))
      const verdicts = resources.flatMap(namesIn).map(([kind, name]) => verdictOn(kind, name))
      const worst = (['unavailable', 'forbidden', 'answer lost', 'rejected'] as const).find((each) =>
        verdicts.includes(each),
      )
      if (worst !== undefined) return worst
      if ((bundle.entry ?? []).length > 1 && faults.isOn('fhir: rejects everything')) {
        everything = true
        return 'rejected'
      }
      return 'fine'
    },
    rejects: (name) => known.get(name) === 'rejected',
    failsFor: (name) => !['fine', 'rejected', undefined].includes(known.get(name)),
    rejectedEverything: () => everything,
    failsForSome: () => failing,
    any: () => [...known.values()].some((verdict) => verdict !== 'fine'),
  }
}
