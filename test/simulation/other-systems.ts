import type { FhirResource, ImagingStudy, Patient } from 'fhir/r4'
import type { FhirStore, Transaction } from './fhir-store'
import { known } from './reference'
import type { World } from './world'

/** Whatever else works on the same FHIR server, just before one of our transactions arrives. */
export interface OtherSystems {
  readonly meddle: (bundle: Transaction) => void
  /** By path: the extension that must still be there while the resource is. */
  readonly edits: ReadonlyMap<string, string>
  /** Instances that were in a study when somebody else deleted it. */
  readonly taken: ReadonlySet<string>
  /** Patients that somebody else deleted or created. */
  readonly patients: ReadonlySet<string>
}

/** A Patient of the hospital, there before anything was cast. */
export const knownId = 'known'
export const knownPatient = (system: string | undefined): Patient => ({
  ...{ resourceType: 'Patient', id: knownId, birthDate: '1950-01-01' },
  identifier: [{ ...(system === undefined ? {} : { system }), value: known.patientId }],
  name: [{ use: 'usual', family: known.family, given: [known.given] }],
})

const ours = new Set(['Patient', 'ImagingStudy'])

export const makeOtherSystems = (world: World, store: FhirStore): OtherSystems => {
  const { faults, say } = world
  const random = world.random.fork('others')
  const edits = new Map<string, string>()
  const taken = new Set<string>()
  const patients = new Set<string>()

  const edit = (path: string): void => {
    const resource = store.get(path)
    if (resource === undefined) return
    const mark = `urn:other:${edits.size + 1}:${random.between(1, 9_999)}`
    const changed: Patient | ImagingStudy = {
      ...(resource as Patient | ImagingStudy),
      extension: [{ url: 'urn:other', valueUri: mark }],
    }
    store.put(path, changed as FhirResource)
    edits.set(path, mark)
    say(() => `other  edits ${path}`)
  }

  const remove = (path: string): void => {
    const resource = store.get(path)
    if (resource === undefined || resource.id === knownId) return
    if (resource.resourceType === 'ImagingStudy') {
      // Also one that was emptied, whose Observations could not be deleted.
      taken.add(path)
      for (const { instance } of resource.series ?? []) for (const { uid } of instance ?? []) taken.add(uid)
    } else patients.add(path)
    store.remove(path)
    edits.delete(path)
    say(() => `other  deletes ${path}`)
  }

  const create = (patient: Patient, condition: string): void => {
    const parameters = [['identifier', decodeURIComponent(condition.replace('identifier=', ''))]] as const
    if (store.search('Patient', parameters).length > 0) return
    const id = `other-${patients.size + 1}`
    const { identifier } = patient
    store.put(`Patient/${id}`, {
      resourceType: 'Patient',
      id,
      ...(identifier === undefined ? {} : { identifier }),
      extension: [{ url: 'urn:other', valueUri: `urn:other:born:${id}` }],
    })
    edits.set(`Patient/${id}`, `urn:other:born:${id}`)
    patients.add(`Patient/${id}`)
    say(() => `other  creates Patient/${id}`)
  }

  return {
    edits,
    taken,
    patients,
    meddle: (bundle) => {
      for (const { request, resource } of bundle.entry ?? []) {
        const path = request?.url ?? ''
        if (resource?.resourceType === 'Patient' && request?.method === 'POST') {
          if (faults.strikes('fhir: created by another')) create(resource, request.ifNoneExist ?? '')
        } else if (ours.has(path.split('/')[0] ?? '') && request?.method === 'PUT') {
          if (faults.strikes('fhir: edited by another')) edit(path)
          else if (faults.strikes('fhir: deleted by another')) remove(path)
        }
      }
      // Also where nothing of ours is on its way.
      const all = [...store.all('Patient'), ...store.all('ImagingStudy')]
      if (all.length > 0 && faults.strikes('fhir: edited by another', 0.3)) {
        const { resourceType, id } = random.pick(all)
        edit(`${resourceType}/${id}`)
      }
    },
  }
}
