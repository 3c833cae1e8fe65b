import type { ImagingStudy, Observation, Patient } from 'fhir/r4'
import { isOfStudy, isPassedBy, passedImages, wasUnbelieved, wasUnread } from './backfill/excuses'
import { mayHaveBegunAnew } from './begun-anew'
import { causesOf } from './causes'
import { type Stage, checkStudy, patientIdOf } from './check-study'
import { checkWhose } from './check-whose'
import type { FailRow } from '../../lib/app/ports'
import { studyDateOf } from './dicom-service'
import { dosesIn, isWithdrawn } from './doses'
import { type Feed, type Image, type Row, keyText, studyText } from './feed-model'
import type { FaultKind } from './faults'
import { checkNotes, everListed, withdrawals } from './notes'
import { ehrId, knownId } from './other-systems'
import { type ExpectedStudy, foldFeed, known } from './reference'
import type { Services } from './runs'
import { toldBy } from './tables'

const dicomRoot = 'https://dicom.example'
const partitions = ['Microsoft.Default', 'research']

const addressOf = (partition: string): string =>
  partition === 'Microsoft.Default' ? `${dicomRoot}/v2` : `${dicomRoot}/v2/partitions/${partition}`

/** Compares what FHIR and the error tables hold with what the feed says they must. */
export const checkEnd = (
  services: Services,
  replayed: boolean,
  hits: ReadonlySet<FaultKind> = new Set(),
): ReadonlyArray<string> => {
  const { feed, hidesForQuality = false } = services
  const expected = foldFeed(feed, hidesForQuality)
  const rows = [...services.storage.fails.values()].map(toldBy)
  const entries = rows.flatMap((row) => {
    const entry = entryOf(feed, row)
    return entry === undefined ? [] : [{ row, entry }]
  })
  const codes = new Map(entries.map(({ row, entry }) => [entry.sequence, row.error._tag] as const))
  const byImage = new Map<string, ReadonlyArray<FailRow>>()
  for (const row of rows) {
    const name = imageNameOf(feed, row)
    byImage.set(name, [...(byImage.get(name) ?? []), row])
  }
  const causes = causesOf(services)
  const studies = studiesByName(services)
  const refused = [...studies].flatMap(([name, { id }]) => {
    const study = expected.get(name)
    return study !== undefined && causes.isRefused(study) ? [`ImagingStudy/${id}`] : []
  })
  const stage: Stage = {
    services,
    causes,
    // Of which no note is left, and which could not be read since: they are within a day.
    failed: new Set([
      ...[...services.storage.originals.values()].map(({ sequence }) => sequence),
      ...entries.flatMap(({ row: { error }, entry }) =>
        error._tag !== 'Rejected' || (error.notes.length === 0 && mayBeUnread(services, entry.image, hits))
          ? [entry.sequence]
          : [],
      ),
    ]),
    codes,
    named: new Set(byImage.keys()),
    listed: everListed(feed),
    passed: passedImages(services),
    replayed,
    doses: dosesIn(services.fhir.store, services.fhir.others.taken, new Set(refused)),
  }
  const { root = dicomRoot } = services.storage
  return [
    ...services.fhir.store
      .all('Endpoint')
      .flatMap(({ address }) => (address.startsWith(`${root}/v2`) ? [] : [`an Endpoint is still at ${address}`])),
    ...(codes.size < entries.length ? ['an entry is recorded in two tables'] : []),
    ...checkFailRows(stage, expected),
    ...[...studies].flatMap(([name, { series = [] }]) =>
      expected.has(name) || series.length === 0 ? [] : [`ImagingStudy of ${name}: nobody ever stored it`],
    ),
    ...[...expected].flatMap(([name, study]) =>
      [...checkStudy(stage, study, studies.get(name)), ...checkWhose(stage, study, studies.get(name))].map(
        (what) => `${name}: ${what}`,
      ),
    ),
    ...checkPatients(stage, studies, expected),
    // A study that somebody else deleted leaves its doses behind.
    ...stage.doses.problems,
    ...checkEdits(stage, studies),
    ...checkEmptied(stage),
    ...checkNotes(feed, withdrawals(feed, hidesForQuality), stage, byImage, {
      isThere: ({ series, instance, ...key }) =>
        (studies.get(studyText(key))?.series ?? []).some(
          (each) => each.uid === series && each.instance?.some(({ uid }) => uid === instance) === true,
        ),
      isRefused: (key) => {
        const study = expected.get(studyText(key))
        return study !== undefined && stage.causes.isRefused(study)
      },
    }),
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

/** When the note went, its image, or the service, could not be read. */
const mayBeUnread = (
  { forbidden }: Pick<Services, 'forbidden'>,
  { poison, key }: Image,
  hits: ReadonlySet<FaultKind>,
): boolean =>
  poison ||
  forbidden?.ever.has(studyText(key)) === true ||
  [...hits].some((kind) => /^feed: .*(outage|failed|slow)/.test(kind))

/** keyText of what a row is about, whether the feed knows it or not. */
export const imageNameOf = (feed: Feed, row: FailRow): string => {
  const { partition = '', studyInstanceUid = '', seriesInstanceUid = '', sopInstanceUid = '' } = row.key
  return keyText(
    entryOf(feed, row)?.image.key ?? {
      partition,
      study: studyInstanceUid,
      series: seriesInstanceUid,
      instance: sopInstanceUid,
    },
  )
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

const studyOf = ({ partition = '', studyInstanceUid = '' }: FailRow['key']): string =>
  studyText({ partition, study: studyInstanceUid })

/** Each stands for a row that is the last word on its image, and for something that was planted. */
const checkFailRows = (
  { services, causes, passed, replayed }: Stage,
  expected: ReadonlyMap<string, ExpectedStudy>,
): ReadonlyArray<string> => {
  const { feed, storage, forbidden } = services
  // What kept the images out is gone, and that they were looked at again failed, or no row told it: they are within a day.
  // So may have been that nobody could see on whom its study agrees, while that was forbidden.
  const wasUnseen = (study: string): boolean => !replayed && forbidden?.ever.has(study) === true
  const isDue = ({ error, key }: FailRow): boolean =>
    error._tag === 'PatientMismatch' &&
    (feed.vanished.has(studyOf(key)) || wasUnseen(studyOf(key)) || isRefused(expected.get(studyOf(key))))
  const isRefused = (study: ExpectedStudy | undefined): boolean => study !== undefined && causes.isRefused(study)
  // A note lists it, and FHIR refuses also what would take it out, whether it was ever there or not.
  const isOfNote = ({ sequence, error, rejected, key }: FailRow): boolean =>
    sequence === 0 && rejected !== undefined && error._tag === 'FhirRejected' && isRefused(expected.get(studyOf(key)))
  return [...storage.fails.values()].flatMap((standing) => {
    const { writer, isTooLate } = standing
    const recorded = toldBy(standing)
    const { error } = recorded
    if ((error._tag === 'Rejected' && recorded.sequence === 0) || isOfNote(recorded)) return []
    if (isOfStudy(recorded)) {
      const name = studyOf(recorded.key)
      const isPlanted =
        wasUnread(services, name) || wasUnbelieved(services, recorded.key) || isRefused(expected.get(name))
      return isPlanted ? [] : [`${name} is recorded as a whole, and nothing was wrong with it`]
    }
    const row = entryOf(feed, recorded)
    const sequence = row?.sequence ?? recorded.sequence
    if (row === undefined) return [`${sequence} is recorded, and there is no such row`]
    const { key, rows } = { key: row.image.key, rows: row.image.rows }
    if (error._tag === 'Rejected' && row.image.tags === undefined) return []
    // Who slept until the others had gone on from there, and was killed before it could take its row back.
    if (rows.at(-1) !== row && isTooLate && writer.killed) return []
    const isPassed = isPassedBy(services, rows.at(-1)?.sequence ?? Infinity)
    // A backfill passed its end by, and the other study by which that is believed was forbidden.
    const isUnbelieved = !replayed && row.image.tags === undefined && (forbidden?.ever.size ?? 0) > 0
    const isLeft = error._tag === 'Rejected' || passed.has(keyText(key)) || isUnbelieved
    if (rows.at(-1) !== row && isPassed && isLeft) return []
    if (rows.at(-1) !== row) return [`${sequence} is recorded as ${error._tag}, and superseded`]
    if (row.image.tags === undefined || error._tag === 'Rejected') return []
    return causes.planted(row, error, expected.get(studyText(key))) || isDue(recorded)
      ? []
      : [`${sequence} ${keyText(key)} is recorded as ${error._tag}, and nothing was wrong with it`]
  })
}

/** Of a row, or of a study in FHIR: the greatest has the say on the values of the Patient. */
const ageText = (partition: string, study: string): string => `${studyDateOf(study)} ${study} ${addressOf(partition)}`

/** Whose rows may have the say: of the newest study that FHIR holds, of a newer one that is gone, and each Update. */
const namesOf = (
  patient: Patient,
  rows: ReadonlyArray<Row>,
  studies: ReadonlyMap<string, ImagingStudy>,
  { replayed, services, failed, listed }: Stage,
): ReadonlySet<string | undefined> => {
  const { registered } = services.fhir.others
  // What others made has no say: its images only fill. An Update replaces, if the study is this Patient's.
  const isOurs = ({ image }: Row): boolean => !registered.has(`ImagingStudy/${studies.get(studyText(image.key))?.id}`)
  const isUnsure = ({ sequence, image }: Row): boolean => failed.has(sequence) || listed.has(keyText(image.key))
  const said = rows.filter((row) => isOurs(row) && !isUnsure(row))
  const last = said.at(-1)
  const ageOf = ({ image: { key } }: Row): string => ageText(key.partition, key.study)
  // A study that stands emptied says nothing any more.
  const held = said.filter(({ image }) => {
    const { subject, series = [] } = studies.get(studyText(image.key)) ?? {}
    return series.length > 0 && subject?.reference === `Patient/${patient.id}`
  })
  if (held.length === 0) return new Set(rows.map(({ tags }) => tags?.given))
  const newest = held.map(ageOf).sort().at(-1) ?? ''
  // Cast again in order, of what is still there: each Update replaces, and of the Creates those of the newest study.
  const replacing = held.filter(
    (row) => row.image.rows.at(-1) === row && (row.action === 'Update' || ageOf(row) === newest),
  )
  const isSure = replayed && rows.every((row) => isOurs(row) && !isUnsure(row))
  if (isSure && replacing.length > 0) return new Set([replacing.at(-1)?.tags?.given])
  // A newer study may have been there when it was cast, and have gone since; or gone before it was cast.
  const isNewestEver = (row: Row): boolean => held.includes(row) && said.every((each) => ageOf(row) >= ageOf(each))
  const isLast = last !== undefined && (last.action === 'Update' ? replayed : isNewestEver(last))
  const heard = isLast ? [last] : said.filter((row) => row.action === 'Update' || ageOf(row) >= newest)
  const maySay = rows.filter((row) => isUnsure(row) || (row.action === 'Update' && !isOurs(row)))
  return new Set([...heard, ...maySay].map(({ tags }) => tags?.given))
}

const checkPatients = (
  stage: Stage,
  studies: ReadonlyMap<string, ImagingStudy>,
  expected: ReadonlyMap<string, ExpectedStudy>,
): ReadonlyArray<string> => {
  const { failed, listed } = stage
  const { feed, fhir } = stage.services
  return fhir.store.all('Patient').flatMap((patient) => {
    const id = patientIdOf(patient)
    if (patient.id === ehrId) {
      const isAsBefore =
        patient.identifier?.length === 1 && patient.name === undefined && patient.birthDate === undefined
      return isAsBefore ? [] : ['we wrote into the Patient of the EHR']
    }
    if (patient.id === knownId) {
      const isAsBefore = patient.name?.[0]?.family === fhir.others.ownersName() && patient.birthDate === '1950-01-01'
      return isAsBefore ? [] : ['the Patient whom the hospital knew has become another']
    }
    const said = feed.rows.filter(({ tags }) => tags?.patientId === id && tags.note === undefined)
    const given = patient.name?.[0]?.given?.[0]
    const last = said.at(-1)
    if (last === undefined) return [`Patient/${patient.id}: ${id} is nobody in the feed`]
    const isWhole = patient.name?.[0]?.family === `Family ${id}` && patient.birthDate === '1970-01-01'
    // Under the PatientID of somebody whom the hospital knows others come on purpose.
    if (patient.name !== undefined && id !== known.patientId && !isWhole) {
      return [`Patient/${patient.id}: ${id} has the name or the birth date of somebody else`]
    }
    if (given !== undefined && !said.some(({ tags }) => tags?.given === given)) {
      return [`Patient/${patient.id}: “${given}” is nobody's name`]
    }
    const isRefused = said.some(({ image }) => {
      const study = expected.get(studyText(image.key))
      return study !== undefined && stage.causes.isRefused(study)
    })
    const isTaken = said.some(({ image }) => fhir.others.taken.has(image.key.instance))
    // Somebody else created it while we were about to: then it was met, and got what it lacks.
    const isListed = ({ image }: Row): boolean => listed.has(keyText(image.key))
    const isSubject = said.some(
      ({ image, sequence }, index) =>
        image.rows.at(-1) === said[index] &&
        !failed.has(sequence) &&
        !listed.has(keyText(image.key)) &&
        studies.get(studyText(image.key))?.subject.reference === `Patient/${patient.id}`,
    )
    if (given === undefined && isSubject && !isRefused) return [`Patient/${patient.id}: ${id} has no name`]
    const isNewest = last.image.rows.at(-1) === last && !failed.has(last.sequence) && !isListed(last) && !last.late
    const isOverruled = !stage.replayed && said.some(({ action, late }) => action === 'Update' && late)
    // Before all is cast again the original has had the say on some.
    const isOriginals = fhir.account !== undefined && (!stage.replayed || patient.meta?.source === undefined)
    const isRebuilt = !stage.replayed && fhir.rebuilt?.has(`Patient/${patient.id}`) === true
    const isOurs = !fhir.others.patients.has(`Patient/${patient.id}`) && !isOriginals
    // A server that keeps the escapes of a search does not find it again: it may be there twice (README, known limits).
    const isLost = fhir.store.keepsEscapes && /[\\,|$]/.test(id)
    const isDisputed = isLost || fhir.others.doubled.has(id) || isRefused || isTaken || isOverruled
    const names = namesOf(patient, said, studies, stage)
    return isNewest && isOurs && !isDisputed && !isRebuilt && !names.has(given)
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

/** What another system wrote stays, as long as the resource is the same. */
const checkEdits = (
  { services: { feed, fhir, storage }, listed }: Stage,
  studies: ReadonlyMap<string, ImagingStudy>,
): ReadonlyArray<string> =>
  [...fhir.others.edits].flatMap(([path, mark]) => {
    const resource = fhir.store.get(path)
    const study = [...studies].find(([, { id }]) => path === `ImagingStudy/${id}`)?.[0]
    const isAnother = study !== undefined && mayHaveBegunAnew(feed, storage, listed, study)
    return resource === undefined || isAnother || JSON.stringify(resource).includes(mark)
      ? []
      : [`${path}: what another system wrote is lost`]
  })
