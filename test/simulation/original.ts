import type { Endpoint, FhirResource, Identifier, ImagingStudy, Observation, Patient } from 'fhir/r4'
import type { CastSettings } from '../../lib/app/context'
import { newCheckpoint } from '../../lib/domain/checkpoint'
import { studyDateOf } from './dicom-service'
import { reportClass } from './dose-report'
import { type Feed, type Row, type Tags } from './feed-model'
import type { FhirStore } from './fhir-store'
import { isNote } from './notes'
import { known } from './reference'
import type { Services } from './runs'
import type { World } from './world'

// The original DICOMcast, which cast this feed before: modelled from what it wrote when it was run, without a line of ours.

/** What it looks up, and expects to find. */
export interface Account {
  /** Paths, and by what it finds them: an identifier, a study's UID. */
  readonly patients: Map<string, Identifier>
  readonly studies: Map<string, string>
  /** Studies (UIDs) of which it wrote, or deleted, doses: which report they are from is not to be seen. */
  readonly dosed: Set<string>
  /** Studies (UIDs) of which it refused an entry: whose they are is said without that. */
  readonly refused: Set<string>
  /** Somebody has begun to finish the take-over, or to rename the service. */
  closed: boolean
  /** How often the take-over was finished. */
  finished: number
}

export const originalEndpoint = 'Endpoint/original'
export const originalRoot = 'https://dicom.example/'
export const originalName = `DICOM WADO-RS endpoint ${originalRoot}`
const [issuer, issuerSystem] = ['HospA', 'urn:oid:1.2.3.5']

const hasIssuers = ({ faults }: World): boolean =>
  faults.has('original: its account') && faults.has('original: by issuers')

/** A feed whose images name who issued the PatientID. */
export const issued = (world: World, feed: Feed): Feed =>
  hasIssuers(world)
    ? {
        ...feed,
        begin: (changes, ...more) =>
          feed.begin(
            changes.map((each) => ({ ...each, tags: each.tags === undefined ? undefined : { ...each.tags, issuer } })),
            ...more,
          ),
      }
    : feed

export const withIssuers = (world: World, settings: CastSettings): CastSettings =>
  hasIssuers(world)
    ? {
        ...settings,
        patient: { ...settings.patient, isIssuerIdUsed: true, issuerSystems: { [issuer]: issuerSystem } },
      }
    : settings

/** Of everybody's PatientID, as it is today. */
export const systemOf = ({ patient }: Pick<CastSettings, 'patient'>): string | undefined =>
  patient.isIssuerIdUsed ? issuerSystem : patient.systemId

const code = (value: string, system = 'http://dicom.nema.org/resources/ontology/DCM') => ({
  coding: [{ system, code: value }],
})
const quantity = (value: number) => ({ value, unit: 'mGycm', system: 'http://unitsofmeasure.org', code: 'mGycm' })
const accession = (value: string): Identifier => ({
  type: code('ACSN', 'http://terminology.hl7.org/CodeSystem/v2-0203'),
  value,
})

interface Writing {
  readonly store: FhirStore
  readonly account: Account
  /** Without system, with that of today, or with the issuer as the image names it. */
  readonly identified: (value: string) => Identifier
  ids: number
}

const put = ({ store }: Writing, resource: FhirResource): string => {
  const path = `${resource.resourceType}/${resource.id}`
  store.put(path, resource)
  return path
}

const pathOf = <V>(paths: ReadonlyMap<string, V>, isIt: (value: V) => boolean): string | undefined =>
  [...paths].find(([, value]) => isIt(value))?.[0]

const patientPath = ({ account }: Writing, patientId: string): string | undefined =>
  pathOf(account.patients, ({ value }) => value === patientId)

/** The last name and sex, and the first birth date. */
const writePatient = (writing: Writing, { patientId, family, given, birthDate = '19700101', sex }: Tags): string => {
  const path = patientPath(writing, patientId)
  const before = (path === undefined ? undefined : writing.store.get(path)) as Patient | undefined
  const identifier = writing.identified(patientId)
  const written = put(writing, {
    ...{ resourceType: 'Patient', id: before?.id ?? `original-${++writing.ids}`, identifier: [identifier] },
    name: [{ use: 'usual', family, given: [given] }],
    ...(sex === undefined ? {} : { gender: sex === 'M' ? 'male' : 'female' }),
    birthDate: before?.birthDate ?? `${birthDate.slice(0, 4)}-${birthDate.slice(4, 6)}-${birthDate.slice(6)}`,
  })
  writing.account.patients.set(written, identifier)
  return written
}

const studyPath = ({ account }: Writing, uid: string): string | undefined =>
  pathOf(account.studies, (each) => each === uid)

const without = (study: ImagingStudy, series: string, instance: string): ImagingStudy => ({
  ...study,
  series: (study.series ?? []).flatMap((each) => {
    const instances = (each.instance ?? []).filter(({ uid }) => each.uid !== series || uid !== instance)
    return instances.length === 0 ? [] : [{ ...each, instance: instances }]
  }),
})

const heldStudy = (writing: Writing, uid: string): ImagingStudy | undefined =>
  writing.store.get(studyPath(writing, uid) ?? '') as ImagingStudy | undefined

const studyWith = (writing: Writing, { image: { key } }: Row, tags: Tags, subject: string): ImagingStudy => {
  const day = studyDateOf(key.study)
  const before: ImagingStudy = heldStudy(writing, key.study) ?? {
    ...{ resourceType: 'ImagingStudy', id: `original-${writing.ids + 1}`, meta: { source: originalRoot } },
    identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${key.study}` }],
    ...{ status: 'available', subject: { reference: subject }, endpoint: [{ reference: originalEndpoint }] },
    started: `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}T00:00:00+00:00`,
  }
  const instance = {
    uid: key.instance,
    sopClass: { code: tags.report === undefined ? tags.sopClass : reportClass },
    number: tags.number,
  }
  const { series = [], identifier: [named] = [], ...rest } = without(before, key.series, key.instance)
  const own = series.find(({ uid }) => uid === key.series) ?? { uid: key.series, modality: {}, instance: [] }
  return {
    ...rest,
    identifier: [
      ...(named === undefined ? [] : [named]),
      ...(tags.accession === undefined ? [] : [accession(tags.accession)]),
    ],
    ...(tags.description === undefined ? {} : { note: [{ text: tags.description }] }),
    series: [
      ...series.filter(({ uid }) => uid !== key.series),
      {
        ...own,
        modality: { system: 'DCM', code: tags.modality },
        ...(tags.seriesDescription === undefined ? {} : { description: tags.seriesDescription }),
        instance: [...(own.instance ?? []), instance],
      },
    ],
  }
}

/** Created without a condition: whoever is restarted in the middle creates them once more. */
const writeDoses = (
  writing: Writing,
  { image: { key } }: Row,
  { report, accession: number }: Tags,
  path: string,
): void => {
  if (report === undefined) return
  const subject = (writing.store.get(path) as ImagingStudy).subject
  const identifier = [{ system: 'urn:dicom:uid', value: `urn:oid:${key.study}` }]
  const observation = (own: Partial<Observation> & Pick<Observation, 'code'>): void =>
    void put(writing, {
      ...{ resourceType: 'Observation', id: `original-${++writing.ids}`, status: 'preliminary', subject, identifier },
      ...own,
    })
  observation({
    ...{ code: code('73569-6', 'http://loinc.org'), partOf: [{ reference: path }] },
    identifier: [...identifier, ...(number === undefined ? [] : [accession(number)])],
    component: [{ code: code('113813'), valueQuantity: quantity(report.dlp) }],
  })
  report.events.forEach((_event, index) =>
    observation({
      ...{ code: code('113852'), bodySite: { coding: [{ system: 'SRT', code: 'T-D4000' }] } },
      component: [{ code: code('113838'), valueQuantity: quantity(10 + index) }],
    }),
  )
  writing.account.dosed.add(key.study)
}

const dosesOf = (store: FhirStore, uid: string): ReadonlyArray<Observation> =>
  (store.all('Observation') as ReadonlyArray<Observation>).filter(
    ({ meta, identifier = [] }) =>
      meta?.source === undefined && identifier.some(({ value }) => value === `urn:oid:${uid}`),
  )

/** One image goes, and all Observations of its study with it. */
const removeImage = (writing: Writing, { image: { key } }: Row): void => {
  const { store, account } = writing
  const [path, held] = [studyPath(writing, key.study), heldStudy(writing, key.study)]
  if (path === undefined || held === undefined) return
  for (const { id } of dosesOf(store, key.study)) store.remove(`Observation/${id}`)
  const left = without(held, key.series, key.instance)
  if ((left.series ?? []).length > 0) return store.put(path, left)
  store.remove(path)
  account.studies.delete(path)
}

/** What it could not do, did wrong, or shared with others is not told here: there its account ends. */
const isBeyondIt = (writing: Writing, { fhir }: Services, { image, action }: Row): boolean => {
  const { key, tags, poison } = image
  const held = heldStudy(writing, key.study)
  if (action === 'Update' || key.partition !== 'Microsoft.Default' || poison || isNote(image)) return true
  const isThere = fhir.store.search('ImagingStudy', [['identifier', `urn:dicom:uid|urn:oid:${key.study}`]]).length > 0
  if (isThere && held === undefined) return true
  if (tags === undefined) return false
  const isNobodys = tags.patientId === '' || tags.patientId === known.patientId
  return isNobodys || (held !== undefined && held.subject.reference !== patientPath(writing, tags.patientId))
}

/** What the server takes from nobody it does not take from the original. */
const isRefused = ({ fhir }: Services, resources: ReadonlyArray<FhirResource>): boolean =>
  resources.some(
    (resource) => fhir.verdicts.of({ resourceType: 'Bundle', type: 'transaction', entry: [{ resource }] }) !== 'fine',
  )

const endpoint: Endpoint = {
  ...{ resourceType: 'Endpoint', id: 'original', status: 'active', name: originalName, address: originalRoot },
  connectionType: {
    system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
    code: 'dicom-wado-rs',
  },
  ...{ payloadType: [{ text: 'DICOM WADO-RS' }], payloadMimeType: ['application/dicom'] },
}

/** True when it has come behind the row. */
const castRow = (world: World, services: Services, writing: Writing, row: Row): boolean => {
  const { faults, random } = world
  const { tags, key } = row.image
  if (isBeyondIt(writing, services, row)) return false
  if (row.action === 'Delete') removeImage(writing, row)
  if (row.action === 'Delete' || tags === undefined) return true
  const study = studyWith(writing, row, tags, 'Patient/nobody')
  const patient: Patient = { resourceType: 'Patient', identifier: [{ value: tags.patientId }] }
  if (isRefused(services, [study, patient])) return false
  if (faults.strikes('original: refused an entry')) {
    const type = 'InvalidDicomTagValueException'
    writing.account.refused.add(key.study)
    const uids = { studyInstanceUid: key.study, seriesInstanceUid: key.series, sopInstanceUid: key.instance }
    services.storage.originals.set(random.uuid(), { sequence: row.sequence, type, partition: key.partition, ...uids })
    return true
  }
  const subject = writePatient(writing, tags)
  const path = put(writing, studyWith(writing, row, tags, subject))
  writing.ids += 1
  writing.account.studies.set(path, key.study)
  writeDoses(writing, row, tags, path)
  if (tags.report !== undefined && faults.strikes('original: was restarted')) writeDoses(writing, row, tags, path)
  return true
}

/** It has cast the feed up to somewhere, as the images are then, and is stopped for good. */
export const letOriginalWork = async (world: World, services: Services, settings: CastSettings): Promise<void> => {
  const { faults, scheduler, violations, say } = world
  if (!faults.has('original: its account') || faults.has('fhir: compares loosely')) return
  const { feed, fhir, storage } = services
  const random = world.random.fork('original')
  const wanted = random.between(2, 10)
  // It knows no holes: nothing is to come below where it ends.
  const whole = (): ReadonlyArray<Row> => feed.rows.filter(({ sequence }) => sequence < feed.firstOpen())
  await scheduler.run(() => whole().length >= wanted || violations.length > 0, scheduler.now() + 90_000)
  const rows = whole().slice(0, random.between(1, wanted))
  const account: Account = {
    patients: new Map(),
    studies: new Map(),
    dosed: new Set(),
    refused: new Set(),
    ...{ closed: false, finished: 0 },
  }
  const [own, hasSystem] = [settings.patient.systemId, random.chance(0.5)]
  const system = settings.patient.isIssuerIdUsed ? issuer : hasSystem ? own : undefined
  const identified = (value: string): Identifier => ({ ...(system === undefined ? {} : { system }), value })
  const writing: Writing = { store: fhir.store, account, identified, ids: 0 }
  fhir.store.put(originalEndpoint, endpoint)
  let synced = 0
  for (const row of rows) {
    if (!castRow(world, services, writing, row)) break
    synced = row.sequence
  }
  if (account.studies.size === 0) {
    for (const path of [originalEndpoint, ...account.patients.keys()]) fhir.store.remove(path)
    return storage.originals.clear()
  }
  fhir.account = account
  storage.checkpoint = { checkpoint: newCheckpoint(synced), etag: 'original', writer: 'original', isOriginals: true }
  faults.hit('original: its account')
  if (settings.patient.isIssuerIdUsed) faults.hit('original: by issuers')
  say(
    () => `original  has cast up to ${synced}: ${[...account.studies.values()].join(' ')} of ${system ?? 'no system'}`,
  )
}
