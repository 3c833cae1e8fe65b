import type { ImagingStudy } from 'fhir/r4'
import type { FhirStore } from './fhir-store'

const twice = <A>(items: ReadonlyArray<A>, nameOf: (item: A) => ReadonlyArray<string>): ReadonlyArray<string> => {
  const seen = new Set<string>()
  return items.flatMap(nameOf).filter((name) => {
    if (seen.has(name)) return true
    seen.add(name)
    return false
  })
}

const countsOf = (study: ImagingStudy): ReadonlyArray<string> => {
  const series = study.series ?? []
  // One SOPInstanceUID may stand in two series.
  const instances = series.flatMap(({ uid, instance }) => (instance ?? []).map((each) => `${uid} ${each.uid}`))
  const wrong: Array<string> = []
  if (study.numberOfSeries !== series.length) wrong.push('numberOfSeries is wrong')
  if (study.numberOfInstances !== instances.length) wrong.push('numberOfInstances is wrong')
  if (series.some(({ numberOfInstances, instance }) => numberOfInstances !== (instance ?? []).length)) {
    wrong.push('series.numberOfInstances is wrong')
  }
  if (twice(series, ({ uid }) => [uid]).length > 0) wrong.push('a series stands in it twice')
  if (twice(instances, (each) => [each]).length > 0) wrong.push('an instance stands in it twice')
  // One that could not be deleted is kept without series, and without our Endpoint.
  const endpoints = series.length === 0 ? 0 : 1
  if ((study.endpoint ?? []).length !== endpoints) wrong.push(`it has ${(study.endpoint ?? []).length} endpoints`)
  return wrong.map((what) => `ImagingStudy/${study.id}: ${what}`)
}

/** A server that knows no escapes never finds a value with a separator again, whatever it is asked (README, Known limits). */
const isFound = ({ keepsEscapes }: FhirStore, value: string): boolean => !(keepsEscapes && /[\\,|$]/.test(value))

/** What must hold after every single commit, whatever goes on around it. */
export const checkCommit = (store: FhirStore, doubled: ReadonlySet<string>): ReadonlyArray<string> => {
  const studies = store.all('ImagingStudy')
  return [
    ...twice(
      studies.filter(({ series = [] }) => series.length > 0),
      ({ identifier = [], endpoint = [] }) => [`ImagingStudy ${identifier[0]?.value} of ${endpoint[0]?.reference}`],
    ).map((name) => `doubled: ${name}`),
    ...twice(store.all('Patient'), ({ identifier = [] }) =>
      identifier.flatMap(({ value = '' }) =>
        isFound(store, value) && !doubled.has(value) ? [`Patient ${value}`] : [],
      ),
    ).map((name) => `doubled: ${name}`),
    // Whatever others doubled, we have one of ours.
    ...twice(
      store.all('Patient').filter(({ id = '' }) => !id.startsWith('other-')),
      ({ identifier = [] }) =>
        identifier.flatMap(({ value = '' }) => (isFound(store, value) ? [`Patient ${value}`] : [])),
    ).map((name) => `doubled by us: ${name}`),
    ...twice(store.all('Endpoint'), ({ address }) => [`Endpoint ${address}`]).map((name) => `doubled: ${name}`),
    ...studies.flatMap(countsOf),
  ]
}
