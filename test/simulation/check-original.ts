import type { Identifier, ImagingStudy, Observation, Patient } from 'fhir/r4'
import { defaultPartition } from '../../lib/domain/dicom/partition'
import { passedImages } from './backfill/excuses'
import { isWithdrawn } from './doses'
import { keyText, studyText } from './feed-model'
import type { FhirStore } from './fhir-store'
import { originalEndpoint, originalName, originalRoot } from './original'
import type { Services } from './runs'

const isRaw = ({ type }: Identifier): boolean => type === undefined

/** What the original looks up before it writes: each finds exactly what it wrote, as long as nobody has closed the way back. */
export const checkLooks = ({ store, account, others }: Services['fhir']): ReadonlyArray<string> => {
  if (account === undefined || account.closed) return []
  const named = store
    .all('Endpoint')
    .filter(({ name = '' }) => name.toLowerCase().startsWith(originalName.toLowerCase()))
  const [endpoint] = named
  const isFound = named.length === 1 && endpoint?.id === originalEndpoint.slice(9) && endpoint.address === originalRoot
  const find = (type: string, { system, value }: Identifier): ReadonlyArray<string> =>
    store.search(type, [['identifier', `${system ?? ''}|${value}`]]).map(({ id }) => `${type}/${id}`)
  // What somebody else has deleted or doubled is no doing of ours.
  const lost = [...account.patients].filter(([path, identifier]) => {
    const isOthers = others.patients.has(path) || others.doubled.has(identifier.value ?? '')
    const found = find('Patient', identifier).filter((each) => !others.patients.has(each))
    return !isOthers && (found.length !== 1 || found[0] !== path)
  })
  // It knew no partitions. One that is emptied is none.
  const isStudy = (path: string): boolean => {
    const { series = [], meta } = (store.get(path) ?? {}) as Partial<ImagingStudy>
    return series.length > 0 && meta?.source?.includes('/partitions/') !== true
  }
  const studies = [...account.studies].filter(([path, uid]) => {
    const found = find('ImagingStudy', { system: 'urn:dicom:uid', value: `urn:oid:${uid}` }).filter(isStudy)
    return isStudy(path) && (found.length !== 1 || found[0] !== path)
  })
  return [
    ...(isFound ? [] : [`the original finds ${named.map(({ id, address }) => `${id} at ${address}`).join(', ')}`]),
    ...[...lost, ...studies].map(([path]) => `the original does not find ${path}, or not it alone`),
  ]
}

const uidOf = ({ identifier = [] }: Observation): string =>
  identifier.find(({ system }) => system === 'urn:dicom:uid')?.value?.slice(8) ?? ''

/** The doses that it wrote and nothing of ours has taken the place of. */
const standing = (store: FhirStore): ReadonlyArray<Observation> =>
  (store.all('Observation') as ReadonlyArray<Observation>).filter(
    (each) => each.id?.startsWith('original-') === true && each.meta?.source === undefined && !isWithdrawn(each),
  )

/** @param isAnew all of the feed was cast from its beginning */
const checkDoses = ({ fhir, feed, forbidden }: Services, isAnew: boolean): ReadonlyArray<string> => {
  const { store, account, others, verdicts } = fhir
  if (verdicts.any() || others.taken.size > 0) return []
  const paths = new Map([...(account?.studies ?? [])].map(([path, uid]) => [uid, path]))
  const ours = new Set(
    (store.all('Observation') as ReadonlyArray<Observation>).flatMap(({ meta, partOf = [] }) =>
      meta?.source === undefined ? [] : partOf.map(({ reference }) => reference),
    ),
  )
  return standing(store).flatMap((each) => {
    // They go when every report of their study is cast: an image that cannot be read may be one.
    const name = studyText({ partition: defaultPartition, study: uidOf(each) })
    if (feed.poisoned.has(name) || forbidden?.ever.has(name) === true) return []
    const path = paths.get(uidOf(each)) ?? ''
    const study = store.get(path) as ImagingStudy | undefined
    const dose = `Observation/${each.id} of the original`
    if (study === undefined || (study.series ?? []).length === 0) return [`${dose} is left of a study that is gone`]
    return [
      ...(each.subject?.reference === study.subject.reference ? [] : [`${dose} is another person's than its study`]),
      ...(ours.has(path) ? [`${dose} stands beside ours`] : []),
      ...(isAnew ? [`${dose} is left, and all was cast again`] : []),
    ]
  })
}

/** Rows of entries that are not the last word any more go, unless a backfill passed that by; cast again, all do. */
const checkRows = (services: Services, isAnew: boolean): ReadonlyArray<string> => {
  const { storage, feed } = services
  const passed = passedImages(services)
  return [...storage.originals.values()].flatMap(
    ({ sequence, partition = '', studyInstanceUid = '', seriesInstanceUid = '', sopInstanceUid = '' }) => {
      const key = { partition, study: studyInstanceUid, series: seriesInstanceUid, instance: sopInstanceUid }
      const name = keyText(key)
      const isLast = feed.images.get(name)?.rows.at(-1)?.sequence === sequence || passed.has(name)
      return isAnew || !isLast ? [`the original's row of ${sequence} is left`] : []
    },
  )
}

/** Nothing of it is in the way: no later check has to know that it was there. */
export const checkOriginal = (services: Services, isAnew: boolean): ReadonlyArray<string> =>
  services.fhir.account === undefined
    ? []
    : [...checkLooks(services.fhir), ...checkDoses(services, isAnew), ...checkRows(services, isAnew)]

/** Today's form: the original would not find its Endpoint, and no identifier of its stands beside ours. */
export const checkFinished = ({ fhir: { store, account, others }, storage }: Services): ReadonlyArray<string> => {
  if (account === undefined) return []
  const { name = '', address = '' } = store.all('Endpoint').find(({ id }) => id === originalEndpoint.slice(9)) ?? {}
  // Whoever was no study's subject when it was finished is found again by that identifier, and keeps it.
  const raw = [...(account.finished > 1 ? [] : account.patients.keys())].flatMap((path) => {
    const patient = store.get(path) as Patient | undefined
    const isOthers = others.edits.has(path) || others.patients.has(path)
    const isSubject = store
      .all('ImagingStudy')
      .some(({ subject, series = [] }) => subject.reference === path && series.length > 0)
    return patient !== undefined && isSubject && !isOthers && (patient.identifier ?? []).some(isRaw) ? [path] : []
  })
  return [
    ...(name.endsWith(address) && /\/v2$/.test(address)
      ? []
      : [`the Endpoint of the original is ${name} at ${address}`]),
    ...raw.map((path) => `${path} has an identifier of the original`),
    ...(storage.originals.size === 0 ? [] : ['rows of the original are left']),
    ...(storage.name?.takenOverAt === undefined ? [] : ['the take-over is still open']),
  ]
}
