import type { FhirResource, ImagingStudy, Patient, Reference } from 'fhir/r4'
import type { FhirStore, Transaction } from './fhir-store'
import { known } from './reference'
import type { World } from './world'

/** Whatever else works on the same FHIR server, just before one of our transactions is carried out. */
export interface OtherSystems {
  /** `asked`: the server has looked already what is there. */
  readonly meddle: (bundle: Transaction, asked?: boolean) => void
  /** By path: the extension that must still be there while the resource is. */
  readonly edits: ReadonlyMap<string, string>
  /** Instances that were in a study when somebody else deleted it. */
  readonly taken: ReadonlySet<string>
  /** The same identifier is now another Patient's, too. */
  readonly doubled: ReadonlySet<string>
  /** Somebody creates the Patients of this transaction while the server still looks whether they are there. */
  readonly race: (bundle: Transaction) => void
  /** A radiology information system makes the study, before there are images; of whom, it says in its own way. */
  readonly register: (uid: string, patientId: string) => void
  /** By path, the subject of a study that cannot be compared with what images say; none where it can. */
  readonly registered: ReadonlyMap<string, Reference | undefined>
  /** Patients that somebody else deleted or created. */
  readonly patients: ReadonlySet<string>
  /** Studies whose subject somebody else deleted. */
  readonly orphaned: ReadonlySet<string>
  /** The family name that the EHR gave the Patient whom it knows. */
  readonly ownersName: () => string
}

/** A Patient of the hospital, there before anything was cast. */
export const knownId = 'known'
/** Whom the hospital knows by identifiers of another system alone. */
export const ehrId = 'ehr'
export const knownPatient = (system: string | undefined): Patient => ({
  ...{ resourceType: 'Patient', id: knownId, birthDate: '1950-01-01' },
  identifier: [{ ...(system === undefined ? {} : { system }), value: known.patientId }],
  name: [{ use: 'usual', family: known.family, given: [known.given] }],
})

const ours = new Set(['Patient', 'ImagingStudy'])

export const makeOtherSystems = (world: World, store: FhirStore, system?: string): OtherSystems => {
  const { faults, say } = world
  const random = world.random.fork('others')
  const edits = new Map<string, string>()
  const taken = new Set<string>()
  const patients = new Set<string>()
  const orphaned = new Set<string>()
  const doubled = new Set<string>()
  const registered = new Map<string, Reference | undefined>()
  let [ownersName, renames] = [known.family, 0]

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
    if (resource === undefined || resource.id === knownId || resource.id === ehrId) return
    if (resource.resourceType === 'ImagingStudy') {
      // Also one that was emptied, whose Observations could not be deleted.
      taken.add(path)
      for (const { instance } of resource.series ?? []) for (const { uid } of instance ?? []) taken.add(uid)
    } else {
      patients.add(path)
      for (const { id, subject } of store.all('ImagingStudy'))
        if (subject.reference === path) orphaned.add(`ImagingStudy/${id}`)
    }
    store.remove(path)
    edits.delete(path)
    say(() => `other  deletes ${path}`)
  }

  /** The EHR knows better: who marries has another name, and the same birth date. */
  const rename = (): void => {
    const patient = store.get(`Patient/${knownId}`) as Patient | undefined
    if (patient === undefined) return
    ownersName = `Family ${++renames}`
    const [usual, ...others] = patient.name ?? []
    store.put(`Patient/${knownId}`, { ...patient, name: [{ ...usual, family: ownersName }, ...others] } as FhirResource)
    say(() => `other  renames Patient/${knownId}: ${ownersName}`)
  }

  const isThere = (condition: string): boolean =>
    store.search('Patient', [['identifier', decodeURIComponent(condition.replace('identifier=', ''))]]).length > 0

  const add = (patient: Patient): void => {
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

  /** An EHR's later duplicate. */
  const double = (patient: Patient): void => {
    for (const { value = '' } of patient.identifier ?? []) doubled.add(value)
    add(patient)
  }

  const register = (uid: string, patientId: string): void => {
    if (!faults.strikes('fhir: a study of another system')) return
    const path = `ImagingStudy/ris-${registered.size + 1}`
    const identifier = [{ ...(system === undefined ? {} : { system }), value: patientId }]
    const [named] = identifier
    const subject = random.pick<Reference>([
      { display: 'somebody' },
      { ...(named === undefined ? {} : { identifier: named }) },
      { reference: 'https://ehr.example.org/fhir/Patient/9' },
      { reference: `Patient/${ehrId}` },
    ])
    if (store.get(`Patient/${ehrId}`) === undefined)
      store.put(`Patient/${ehrId}`, {
        ...{ resourceType: 'Patient', id: ehrId },
        identifier: [{ system: 'urn:ehr', value: '77' }],
      })
    store.put(path, {
      ...{ resourceType: 'ImagingStudy', id: path.slice(13), status: 'registered', subject },
      ...{
        identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
        numberOfSeries: 0,
        numberOfInstances: 0,
      },
    })
    registered.set(path, subject.reference === undefined ? undefined : subject)
    say(() => `other  registers ${path} ${uid} of ${JSON.stringify(subject)}`)
  }

  return {
    register,
    registered,
    edits,
    taken,
    patients,
    orphaned,
    doubled,
    ownersName: () => ownersName,
    race: (bundle) => {
      for (const { request, resource } of bundle.entry ?? []) {
        const isNew = resource?.resourceType === 'Patient' && request?.method === 'POST'
        if (isNew && !isThere(request.ifNoneExist ?? '') && random.chance(0.5)) double(resource)
      }
    },
    meddle: (bundle, asked = false) => {
      for (const { request, resource } of bundle.entry ?? []) {
        const path = request?.url ?? ''
        if (resource?.resourceType === 'Patient' && request?.method === 'POST') {
          const isNew = !isThere(request.ifNoneExist ?? '')
          // Behind a server that has asked already it is created twice.
          if (faults.strikes('fhir: created by another') && isNew) (asked ? double : add)(resource)
        } else if (ours.has(path.split('/')[0] ?? '') && request?.method === 'PUT') {
          if (faults.strikes('fhir: edited by another')) edit(path)
          else if (faults.strikes('fhir: deleted by another')) remove(path)
        }
      }
      const healthy = store
        .all('Patient')
        .filter(({ id }) => id !== knownId && id !== ehrId && !patients.has(`Patient/${id}`))
      if (healthy.length > 0 && faults.strikes('fhir: a second Patient', 0.3)) double(random.pick(healthy))
      if (faults.strikes('fhir: its owner renames a Patient')) rename()
      // Also where nothing of ours is on its way.
      const all = [...store.all('Patient'), ...store.all('ImagingStudy')]
      if (all.length > 0 && faults.strikes('fhir: edited by another', 0.3)) {
        const { resourceType, id } = random.pick(all)
        edit(`${resourceType}/${id}`)
      }
    },
  }
}
