import type { Endpoint, Identifier, Patient } from 'fhir/r4'
import { type TransactionEntry, updateEntry } from '../fhir/bundle'
import { identifierToken, matches, typed } from '../fhir/identifiers'
import { carriesOurMark } from '../fhir/provenance'
import { defaultPartition } from '../dicom/partition'
import {
  besideOriginals,
  endpointKind,
  isInOriginalsForm,
  mapEndpoint,
  partitionsIn,
  repointEndpoint,
} from '../mapping/endpoint'
import { systemOfPartition } from '../mapping/patient-identity'
import { isOriginalsPatient } from '../mapping/patient-original'
import type { MappingSettings } from '../mapping/settings'

// A take-over is finished: what the original DICOMcast looks up gets today's form, and it can be gone back to no more.

/** As the original left it: as long as there is one, a take-over is open. It knew no partitions. */
export const isOpenEndpoint = ({ dicom }: MappingSettings) => {
  const kindOf = endpointKind(dicom, defaultPartition)
  return (endpoint: Endpoint): boolean => isInOriginalsForm(endpoint) && kindOf(endpoint) !== undefined
}

export const finishEndpoints = (
  settings: MappingSettings,
  endpoints: ReadonlyArray<Endpoint>,
): ReadonlyArray<TransactionEntry> => {
  const isOpen = isOpenEndpoint(settings)
  return endpoints.flatMap((each) => {
    const next = isOpen(each)
      ? repointEndpoint(each, mapEndpoint(settings.dicom, defaultPartition), [])
      : besideNoMore(settings, each, endpoints.filter(isOpen))
    return next === each ? [] : [updateEntry(settings.fhirBase, next, each.meta?.versionId)]
  })
}

/** That of another partition, which had another name as long as the original was to find its own alone. */
const besideNoMore = ({ dicom }: MappingSettings, endpoint: Endpoint, open: ReadonlyArray<Endpoint>): Endpoint => {
  const [partition = defaultPartition] = partitionsIn(dicom, endpoint)
  const wanted = mapEndpoint(dicom, partition)
  const isBeside = endpoint.name === besideOriginals(wanted, partition, open).name && endpoint.name !== wanted.name
  return isBeside && wanted.name !== undefined ? { ...endpoint, name: wanted.name } : endpoint
}

export interface PatientFinished {
  /** None when nothing of it changes. */
  readonly next: Patient | undefined
  /** Identifiers (tokens) that it has not had before: nobody else may have them. */
  readonly tokens: ReadonlyArray<string>
  /** The issuer that it names has no system: it stays as it is. */
  readonly isUnmapped: boolean
}

/** What the identifier is today; none when its issuer is not mapped. */
const today = ({ patient }: MappingSettings, { system, value = '' }: Identifier): Identifier | undefined => {
  const own = systemOfPartition(patient, defaultPartition)
  if (!system) {
    return own === 'Unlisted'
      ? undefined
      : { type: typed('MR'), ...(own.system === undefined ? {} : { system: own.system }), value }
  }
  if (own !== 'Unlisted' && system === own.system) return { type: typed('MR'), system, value }
  const mapped =
    patient.isIssuerIdUsed && Object.hasOwn(patient.issuerSystems, system) ? patient.issuerSystems[system] : undefined
  return mapped === undefined ? undefined : { type: typed('MR'), system: mapped, value, assigner: { display: system } }
}

/** The subject of a study that refers to the original's Endpoint. Of what others wrote or added to nothing is changed. */
export const finishPatient = (settings: MappingSettings, patient: Patient): PatientFinished => {
  const identifiers = patient.identifier ?? []
  const [ours, raw] = [
    identifiers.filter(({ type }) => type !== undefined),
    identifiers.filter(({ type }) => type === undefined),
  ]
  const isMarked = carriesOurMark(patient.meta, settings.dicom)
  const unchanged = { next: undefined, tokens: [], isUnmapped: false }
  if (raw.length === 0 || !(isMarked || isOriginalsPatient({ ...patient, identifier: raw }))) return unchanged
  const changed = new Map<Identifier, Identifier | undefined>()
  let isUnmapped = false
  for (const each of raw) {
    const wanted = today(settings, each)
    const stands = ours.some(({ system, value }) =>
      wanted === undefined ? value === each.value : matches(wanted, system, value ?? ''),
    )
    // In one of ours others may have put an identifier like it.
    if (wanted === undefined || (isMarked && !stands)) isUnmapped ||= wanted === undefined && !isMarked
    else changed.set(each, stands ? undefined : wanted)
  }
  if (changed.size === 0) return { ...unchanged, isUnmapped }
  const next = identifiers.flatMap((each) => (changed.has(each) ? (changed.get(each) ?? []) : [each]))
  const made = [...changed].flatMap(([before, after]) =>
    after === undefined || matches(before, after.system, after.value ?? '')
      ? []
      : [identifierToken(after.system, after.value ?? '')],
  )
  return { next: { ...patient, identifier: next }, tokens: made, isUnmapped }
}
