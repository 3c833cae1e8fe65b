import type { FhirResource, ImagingStudy, Patient } from 'fhir/r4'
import type { FhirSide } from './fhir-server'
import type { FhirStore } from './fhir-store'
import { type Account, originalEndpoint, originalRoot } from './original'

// What the original wrote in its own form, as the checks of what we write would have it.

const withoutRaw = (patient: Patient): Patient => {
  const identifiers = patient.identifier ?? []
  const typed = new Set(identifiers.flatMap(({ type, value }) => (type === undefined ? [] : [value])))
  const identifier = identifiers.filter(({ type, value }) => type !== undefined || !typed.has(value))
  return identifier.length === identifiers.length ? patient : { ...patient, identifier }
}

/** Nobody else has written into it: then it has counts. */
export const isUntouched = ({ numberOfInstances }: ImagingStudy): boolean => numberOfInstances === undefined

const inOurForm = (study: ImagingStudy): ImagingStudy => {
  const series = (study.series ?? []).map((each) => ({
    ...each,
    numberOfInstances: (each.instance ?? []).length,
    instance: (each.instance ?? []).map((one) => ({ ...one, sopClass: { code: `urn:oid:${one.sopClass.code}` } })),
  }))
  const [note] = study.note ?? []
  return {
    ...study,
    ...(note === undefined ? {} : { description: note.text }),
    ...{ series, numberOfSeries: series.length },
    numberOfInstances: series.reduce((sum, { numberOfInstances }) => sum + numberOfInstances, 0),
  }
}

const seen =
  ({ studies }: Account) =>
  <R extends FhirResource>(resource: R): R => {
    const each: FhirResource = resource
    const path = `${each.resourceType}/${each.id}`
    if (each.resourceType === 'Endpoint' && path === originalEndpoint && each.address === originalRoot)
      return { ...each, address: `${originalRoot}v2` } as FhirResource as R
    if (each.resourceType === 'Patient') return withoutRaw(each) as FhirResource as R
    if (each.resourceType === 'ImagingStudy' && studies.has(path) && isUntouched(each))
      return inOurForm(each) as FhirResource as R
    return resource
  }

/** Without system nobody can tell whose it is, when no study of the original says it any more: then it is nobody's. */
const isOrphan = (
  store: FhirStore,
  { patients }: Account,
  { resourceType, id }: FhirResource,
  amid: boolean,
): boolean => {
  const path = `${resourceType}/${id}`
  const identifier = patients.get(path)
  if (identifier === undefined || identifier.system !== undefined) return false
  const { identifier: held = [] } = store.get(path) as Patient
  return (
    held.every(({ type }) => type === undefined) &&
    (amid ||
      !store.all('ImagingStudy').some(({ subject, series = [] }) => subject.reference === path && series.length > 0))
  )
}

/** `amid`: other work goes on, and the study that says whose it is may be about to move or to go. */
export const seenBy = ({ store, account }: Pick<FhirSide, 'store' | 'account'>, amid = false): FhirStore => {
  if (account === undefined) return store
  const see = seen(account)
  return {
    ...store,
    get: (path) => {
      const found = store.get(path)
      return found === undefined ? undefined : see(found)
    },
    all: (type) => store.all(type).flatMap((each) => (isOrphan(store, account, each, amid) ? [] : [see(each)])),
  }
}
