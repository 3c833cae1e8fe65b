import * as E from 'fp-ts/Either'
import * as TH from 'fp-ts/These'
import type { TagIssue } from '../cast-error'
import { type DicomDataset, itemsOf } from '../dicom/dataset'
import { defaultPartition, isSamePartition } from '../dicom/partition'
import { readValue } from '../dicom/read'
import { readable } from '../dicom/vr'
import { identifierToken, isAbsoluteUri } from '../fhir/identifiers'
import { readIssuerItem } from './issuer'
import type { MappingSettings } from './settings'

/** The identifier of a person, as it is searched for and written. */
export interface PatientIdentity {
  readonly system: string | undefined
  readonly value: string
  readonly assigner: string | undefined
}

export type IdentityProblem = TagIssue | { readonly _tag: 'IssuerUnknown' }

type PatientKey = Pick<PatientIdentity, 'system' | 'value'>

/** The rows of a series have one identity in common, and each is asked for it time and again. */
const keyTexts = new WeakMap<PatientKey, string>()

export const patientKeyText = (key: PatientKey): string => {
  const known = keyTexts.get(key)
  if (known !== undefined) return known
  const text = identifierToken(key.system, key.value)
  keyTexts.set(key, text)
  return text
}

type KnownIssuer = { readonly system: string; readonly name: string | undefined }

/** The issuer of the PatientID (PS3.3 C.7.1.1, HL7v2 Hierarchic Designator macro): none, known, or unknown. */
const readIssuer = (
  dataset: DicomDataset,
  settings: MappingSettings['patient'],
): E.Either<'IssuerUnknown', KnownIssuer | undefined> => {
  const name = readValue(dataset, 'IssuerOfPatientID')
  const named = readable(name)
  const [item] = itemsOf(dataset, 'IssuerOfPatientIDQualifiersSequence')
  const issuer = item === undefined ? undefined : readIssuerItem(item)
  if (issuer?.system !== undefined) return E.right({ system: issuer.system, name: named })
  if (named !== undefined) {
    const mapped = Object.hasOwn(settings.issuerSystems, named) ? settings.issuerSystems[named] : undefined
    const system = mapped ?? (isAbsoluteUri(named) ? named : undefined)
    return system === undefined ? E.left('IssuerUnknown') : E.right({ system, name: named })
  }
  const silent = !TH.isLeft(name) && issuer?.unusable !== true
  return silent ? E.right(undefined) : E.left('IssuerUnknown')
}

/** By which issuers are told apart; none when an image names none. */
const issuerTextOf = (dataset: DicomDataset): string | undefined => {
  const name = readable(readValue(dataset, 'IssuerOfPatientID'))
  const [item] = itemsOf(dataset, 'IssuerOfPatientIDQualifiersSequence')
  return name ?? (item === undefined ? undefined : JSON.stringify(readIssuerItem(item)))
}

/** `onUnmapped` hears of each issuer that has no system. */
export const noting =
  (read: ReturnType<typeof readPatientIdentity>, onUnmapped?: (issuer: string) => void): typeof read =>
  (dataset) => {
    const identity = read(dataset)
    const isUnmapped = E.isLeft(identity) && identity.left._tag === 'IssuerUnknown'
    const issuer = isUnmapped && onUnmapped !== undefined ? issuerTextOf(dataset) : undefined
    if (issuer !== undefined) onUnmapped?.(issuer)
    return identity
  }

/**
 * The system of a partition's patients. A map that is given lists all of them, `*` the rest: what it does not list is no
 * partition whose numbers anybody has spoken for. The default partition has Patient__PatientSystemId still.
 */
export const systemOfPartition = (
  { partitionSystems, systemId }: MappingSettings['patient'],
  partition: string,
): { readonly system: string | undefined } | 'Unlisted' => {
  const pairs = Object.entries(partitionSystems)
  const listed = (name: string): string | undefined => pairs.find(([key]) => isSamePartition(key, name))?.[1]
  const own = listed(partition)
  if (own !== undefined) return { system: own }
  if (pairs.length === 0) return { system: systemId }
  const rest = listed('*')
  if (isSamePartition(partition, defaultPartition)) return { system: systemId ?? rest }
  return rest === undefined ? 'Unlisted' : { system: rest }
}

/**
 * PatientID and its system. An issuer that is present but not known never falls back to another system: two
 * hospitals' "12345" would become one person.
 */
export const readPatientIdentity =
  ({ patient }: MappingSettings, partition: string) =>
  (dataset: DicomDataset): E.Either<IdentityProblem, PatientIdentity> => {
    const id = readValue(dataset, 'PatientID')
    if (TH.isLeft(id)) return E.left({ _tag: 'TagInvalid', keyword: 'PatientID', reason: id.left })
    const value = readable(id)
    if (value === undefined) return E.left({ _tag: 'TagMissing', keyword: 'PatientID' })
    if (patient.rejectedIds.has(value.toUpperCase())) {
      return E.left({ _tag: 'TagInvalid', keyword: 'PatientID', reason: 'a placeholder (Patient__RejectedIds)' })
    }
    const issuer = patient.isIssuerIdUsed ? readIssuer(dataset, patient) : E.right(undefined)
    if (E.isLeft(issuer)) return E.left({ _tag: 'IssuerUnknown' })
    const own = systemOfPartition(patient, partition)
    if (issuer.right === undefined && own === 'Unlisted') return E.left({ _tag: 'IssuerUnknown' })
    return E.right({
      system: issuer.right?.system ?? (own === 'Unlisted' ? undefined : own.system),
      value,
      assigner: issuer.right?.name,
    })
  }
