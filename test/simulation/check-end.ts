import type { ImagingStudy, Observation, Patient } from 'fhir/r4'
import { causesOf } from './causes'
import { type Stage, checkStudy, patientIdOf } from './check-study'
import type { FailRow } from '../../lib/app/ports'
import { studyDateOf } from './dicom-service'
import { dosesIn, isWithdrawn } from './doses'
import { type Feed, type Row, keyText, studyText } from './feed-model'
import { ehrId, knownId } from './other-systems'
import { type ExpectedStudy, foldFeed, known } from './reference'
import type { Services } from './runs'

const dicomRoot = 'https://dicom.example'
const partitions = ['Microsoft.Default', 'research']

const addressOf = (partition: string): string =>
  partition === 'Microsoft.Default' ? `${dicomRoot}/v2` : `${dicomRoot}/v2/partitions/${partition}`

/** Compares what FHIR and the error tables hold with what the feed says they must. */
export const checkEnd = (services: Services, replayed: boolean): ReadonlyArray<string> => {
  const expected = foldFeed(services.feed)
  const rows = [...services.storage.fails.values()].map(({ row }) => row)
  const codes = new Map(
    rows.flatMap((row) => {
      const entry = entryOf(services.feed, row)
      return entry === undefined ? [] : [[entry.sequence, row.error._tag] as const]
    }),
  )
  const failed = new Set(codes.keys())
  const stage: Stage = {
    services,
    causes: causesOf(services),
    failed,
    codes,
    replayed,
    doses: dosesIn(services.fhir.store),
  }
  const studies = studiesByName(services)
  const { root = dicomRoot } = services.storage
  return [
    ...services.fhir.store
      .all('Endpoint')
      .flatMap(({ address }) => (address.startsWith(`${root}/v2`) ? [] : [`an Endpoint is still at ${address}`])),
    ...(codes.size < rows.length ? ['an entry is recorded in two tables'] : []),
    ...checkFailRows(stage, expected),
    ...[...studies].flatMap(([name, { series = [] }]) =>
      expected.has(name) || series.length === 0 ? [] : [`ImagingStudy of ${name}: nobody ever stored it`],
    ),
    ...[...expected].flatMap(([name, study]) =>
      checkStudy(stage, study, studies.get(name)).map((what) => `${name}: ${what}`),
    ),
    ...checkPatients(stage, studies),
    // A study that somebody else deleted leaves its doses behind.
    ...(services.fhir.others.taken.size > 0 ? [] : stage.doses.problems),
    ...checkEdits(stage, studies),
    ...checkEmptied(stage),
  ]
}

/** What a row stands for: an entry, or, where none told of it, the last word on an instance. */
const entryOf = ({ rows, images }: Feed, { sequence, key }: FailRow): Row | undefined => {
  const { partition = '', studyInstanceUid = '', seriesInstanceUid = '', sopInstanceUid = '' } = key
  return sequence > 0
    ? rows.find((each) => each.sequence === sequence)
    : images
        .get(keyText({ partition, study: studyInstanceUid, series: seriesInstanceUid, instance: sopInstanceUid }))
        ?.rows.at(-1)
}

const sourceOfStudy = ({ meta }: ImagingStudy): string => meta?.source?.split('/partitions/')[1] ?? 'Microsoft.Default'

/** By partition and UID. One that could not be deleted is kept without series and Endpoint: its source tells the rest. */
export const studiesByName = ({ fhir: { store } }: Pick<Services, 'fhir'>): ReadonlyMap<string, ImagingStudy> => {
  const addresses = new Map(store.all('Endpoint').map(({ id, address }) => [`Endpoint/${id}`, address]))
  const named = store.all('ImagingStudy').map((study): readonly [string, ImagingStudy] => {
    const uid = (study.identifier ?? []).find(({ system }) => system === 'urn:dicom:uid')?.value?.slice(8) ?? ''
    const address = addresses.get(study.endpoint?.[0]?.reference ?? '') ?? ''
    const partition = partitions.find((each) => addressOf(each) === address.replace('/new/', '/'))
    return [studyText({ partition: partition ?? (address === '' ? sourceOfStudy(study) : address), study: uid }), study]
  })
  // One that has images is the study, whatever an empty one beside it was once.
  return new Map([...named].sort(([, left], [, right]) => (left.series ?? []).length - (right.series ?? []).length))
}

/** Each stands for a row that is the last word on its image, and for something that was planted. */
const checkFailRows = (
  { services: { feed, storage }, causes }: Stage,
  expected: ReadonlyMap<string, ExpectedStudy>,
): ReadonlyArray<string> =>
  [...storage.fails.values()].flatMap(({ row: recorded }) => {
    const { error } = recorded
    const row = entryOf(feed, recorded)
    const sequence = row?.sequence ?? recorded.sequence
    if (row === undefined) return [`${sequence} is recorded, and there is no such row`]
    const { key, rows } = { key: row.image.key, rows: row.image.rows }
    if (rows.at(-1) !== row) return [`${sequence} is recorded as ${error._tag}, and superseded`]
    if (row.image.tags === undefined) return []
    return causes.planted(row, error, expected.get(studyText(key)))
      ? []
      : [`${sequence} ${keyText(key)} is recorded as ${error._tag}, and nothing was wrong with it`]
  })

/** Of a row, or of a study in FHIR: the greatest has the say on the values of the Patient. */
const ageText = (partition: string, study: string): string => `${studyDateOf(study)} ${study} ${addressOf(partition)}`

/** Whose rows may have the say: of the newest study that FHIR holds, of a newer one that is gone, and each Update. */
const namesOf = (
  patient: Patient,
  rows: ReadonlyArray<Row>,
  studies: ReadonlyMap<string, ImagingStudy>,
  { replayed, services }: Stage,
): ReadonlySet<string | undefined> => {
  const { registered } = services.fhir.others
  // What others made has no say: its images only fill.
  const isOurs = ({ image }: Row): boolean => !registered.has(`ImagingStudy/${studies.get(studyText(image.key))?.id}`)
  const said = rows.filter(isOurs)
  if (!said.some((row) => row.image.rows.at(-1) === row)) return new Set(rows.map(({ tags }) => tags?.given))
  const last = said.at(-1)
  const ageOf = ({ image: { key } }: Row): string => ageText(key.partition, key.study)
  // A study that stands emptied says nothing any more.
  const held = said.filter(({ image }) => {
    const { subject, series = [] } = studies.get(studyText(image.key)) ?? {}
    return series.length > 0 && subject?.reference === `Patient/${patient.id}`
  })
  const newest = held.map(ageOf).sort().at(-1) ?? ''
  // A newer study may have been there when it was cast, and have gone since.
  const isNewestEver = (row: Row): boolean => said.every((each) => ageOf(row) >= ageOf(each))
  const isLast = last !== undefined && (last.action === 'Update' ? replayed : isNewestEver(last))
  const heard = isLast ? [last] : said.filter((row) => row.action === 'Update' || ageOf(row) >= newest)
  return new Set(heard.map(({ tags }) => tags?.given))
}

const checkPatients = (stage: Stage, studies: ReadonlyMap<string, ImagingStudy>): ReadonlyArray<string> => {
  const { failed } = stage
  const { feed, fhir } = stage.services
  return fhir.store.all('Patient').flatMap((patient) => {
    const id = patientIdOf(patient)
    if (patient.id === ehrId) return []
    if (patient.id === knownId) {
      const isAsBefore = patient.name?.[0]?.family === known.family && patient.birthDate === '1950-01-01'
      return isAsBefore ? [] : ['the Patient whom the hospital knew has become another']
    }
    const said = feed.rows.filter(({ tags }) => tags?.patientId === id)
    const given = patient.name?.[0]?.given?.[0]
    const last = said.at(-1)
    if (last === undefined) return [`Patient/${patient.id}: ${id} is nobody in the feed`]
    if (given !== undefined && !said.some(({ tags }) => tags?.given === given)) {
      return [`Patient/${patient.id}: “${given}” is nobody's name`]
    }
    // Somebody else created it while we were about to: then it was met, and got what it lacks.
    const isSubject = said.some(
      ({ image, sequence }, index) =>
        image.rows.at(-1) === said[index] &&
        !failed.has(sequence) &&
        studies.get(studyText(image.key))?.subject.reference === `Patient/${patient.id}`,
    )
    if (given === undefined && isSubject && !fhir.verdicts.any()) return [`Patient/${patient.id}: ${id} has no name`]
    const isNewest = last.image.rows.at(-1) === last && !failed.has(last.sequence) && !last.late
    const isOverruled = said.some(({ action, late }) => action === 'Update' && late)
    const isOurs = !fhir.others.patients.has(`Patient/${patient.id}`)
    // A server that keeps the escapes of a search does not find it again: it may be there twice (README, known limits).
    const isLost = fhir.store.keepsEscapes && /[\\,|$]/.test(id)
    const isDisputed =
      isLost || fhir.others.doubled.has(id) || fhir.verdicts.any() || fhir.others.taken.size > 0 || isOverruled
    const names = namesOf(patient, said, studies, stage)
    return isNewest && isOurs && !isDisputed && !names.has(given)
      ? [`Patient/${patient.id} ${id}: its name is ${given}, not ${[...names].join(' or ')}`]
      : []
  })
}

/** What stands emptied could not be deleted: itself, or an Observation that is part of it. */
const checkEmptied = ({ services: { fhir } }: Stage): ReadonlyArray<string> => {
  const { store, mayStayEmptied = () => true } = fhir
  const emptied = (store.all('Observation') as ReadonlyArray<Observation>).filter(isWithdrawn)
  const parts = new Set(emptied.flatMap(({ partOf = [] }) => partOf.map(({ reference }) => reference)))
  const studies = store
    .all('ImagingStudy')
    .filter(
      ({ id, meta, series = [] }) =>
        meta?.source !== undefined && series.length === 0 && !parts.has(`ImagingStudy/${id}`),
    )
  return [...emptied, ...studies].flatMap(({ resourceType, id }) =>
    mayStayEmptied(`${resourceType}/${id}`)
      ? []
      : [`${resourceType}/${id} stands emptied, and could have been deleted`],
  )
}

/**
 * What another system wrote stays, as long as the resource is the same. A study whose images left it, deleted, in doubt or
 * recorded, begins anew under its id when the last of them goes and another comes within one batch.
 */
const checkEdits = (
  { services: { feed, fhir, storage } }: Stage,
  studies: ReadonlyMap<string, ImagingStudy>,
): ReadonlyArray<string> => {
  const recorded = new Set(
    [...storage.fails.values()].map(({ row: { key } }) =>
      studyText({ partition: key.partition ?? '', study: key.studyInstanceUid ?? '' }),
    ),
  )
  return [...fhir.others.edits].flatMap(([path, mark]) => {
    const resource = fhir.store.get(path)
    const study = [...studies].find(([, { id }]) => path === `ImagingStudy/${id}`)?.[0] ?? ''
    const isAnother = feed.shrunk.has(study) || feed.disagreed.has(study) || recorded.has(study)
    return resource === undefined || isAnother || JSON.stringify(resource).includes(mark)
      ? []
      : [`${path}: what another system wrote is lost`]
  })
}
