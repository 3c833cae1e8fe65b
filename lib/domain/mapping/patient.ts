import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { pipe } from 'fp-ts/function'
import * as RNEA from 'fp-ts/ReadonlyNonEmptyArray'
import * as TH from 'fp-ts/These'
import type { HumanName, Identifier, Patient } from 'fhir/r4'
import type { NameGroup, PersonName } from '../dicom/person-name'
import { itemsOf } from '../dicom/dataset'
import { valueOf } from '../dicom/read'
import { codeSystems, identifierTypes, nameRepresentation } from '../fhir/code-systems'
import { asHeld } from '../fhir/others'
import { hasType, matches, typed } from '../fhir/identifiers'
import { type Mapped, type Rule, invalidTag, issuesOf, readTag, rule, withIssues } from './mapped'
import { type PatientIdentity, readPatientIdentity } from './patient-identity'
import { isOriginalsIdentifier } from './patient-original'
import type { MappingSettings } from './settings'
import type { DicomDataset } from '../dicom/dataset'

/** A code of v2-0203. */
type IdentifierType = string

interface Identified {
  readonly identity: PatientIdentity
  readonly type: IdentifierType
}

/** IdentifierTypeCode (0040,0035) of the issuer's qualifiers, else MR. TypeOfPatientID names the carrier alone. */
const readIdentifierType = (dataset: DicomDataset): IdentifierType => {
  const [item] = itemsOf(dataset, 'IssuerOfPatientIDQualifiersSequence')
  const code = item === undefined ? undefined : valueOf(item, 'IdentifierTypeCode')
  return code !== undefined && identifierTypes.has(code) ? code : 'MR'
}

const identifierOf = ({ system, value, assigner }: PatientIdentity, type: IdentifierType): Identifier => ({
  type: { coding: [{ system: codeSystems.identifierType, code: type }] },
  ...(system === undefined ? {} : { system }),
  value,
  ...(assigner === undefined ? {} : { assigner: { display: assigner } }),
})

const completed = (identifier: Identifier, identity: PatientIdentity): Identifier => {
  const { system: _system, ...rest } = identifier
  return {
    ...rest,
    ...(identity.system === undefined ? {} : { system: identity.system }),
    type: hasType(identifier, 'MR') || identifier.type !== undefined ? (identifier.type ?? typed('MR')) : typed('MR'),
    ...(identity.assigner === undefined || identifier.assigner !== undefined
      ? {}
      : { assigner: { display: identity.assigner } }),
  }
}

const isComplete = (identifier: Identifier, { assigner }: PatientIdentity): boolean =>
  identifier.type !== undefined &&
  identifier.system !== '' &&
  (assigner === undefined || identifier.assigner !== undefined)

/** `system: ""` is none, and no server that validates takes it. */
const withoutEmptySystem = ({ system, ...rest }: Identifier): Identifier => (system === '' ? rest : { system, ...rest })

/** Adds the identifier, completes it, or gives its system to one that has none; what the original looks up stays. */
const withIdentifier = (patient: Patient, identity: PatientIdentity, type: IdentifierType): Patient => {
  const identifiers = patient.identifier ?? []
  const own = identifiers.findIndex((each) => matches(each, identity.system, identity.value))
  const isFree = (each: Identifier): boolean =>
    matches(each, undefined, identity.value) && !isOriginalsIdentifier(each, identity)
  const index = own >= 0 ? own : identifiers.findIndex(isFree)
  const found = identifiers[index]
  if (found === undefined) {
    return { ...patient, identifier: [...identifiers.map(withoutEmptySystem), identifierOf(identity, type)] }
  }
  if (own >= 0 && isComplete(found, identity)) return patient
  return {
    ...patient,
    identifier: identifiers.map((each, at) => (at === index ? completed(each, identity) : each)),
  }
}

type Representation = 'ABC' | 'IDE' | 'SYL'

const words = (text: string): ReadonlyArray<string> => text.split(/\s+/).filter((word) => word !== '')

const humanName = (
  group: NameGroup,
  { usual, representation }: { readonly usual: boolean; readonly representation: Representation | undefined },
): HumanName => {
  const given = [...words(group.given), ...words(group.middle)]
  const [prefix, suffix] = [words(group.prefix), words(group.suffix)]
  const western = representation === undefined || representation === 'ABC'
  const spoken = western
    ? [...prefix, ...given, group.family, ...suffix]
    : [...prefix, group.family, ...given, ...suffix]
  return {
    ...(representation === undefined ? {} : { extension: [{ url: nameRepresentation, valueCode: representation }] }),
    ...(usual ? { use: 'usual' } : {}),
    text: [...spoken, group.rest].filter((part) => part !== '').join(' '),
    ...(group.family === '' ? {} : { family: group.family }),
    ...(given.length === 0 ? {} : { given }),
    ...(prefix.length === 0 ? {} : { prefix: [...prefix] }),
    ...(suffix.length === 0 ? {} : { suffix: [...suffix] }),
  }
}

/** The first group that exists is the `usual` name; representations are named unless it is alphabetic and alone. */
const humanNames = ({ alphabetic, ideographic, phonetic }: PersonName): ReadonlyArray<HumanName> => {
  const groups = [
    { group: alphabetic, representation: 'ABC' as const },
    { group: ideographic, representation: 'IDE' as const },
    { group: phonetic, representation: 'SYL' as const },
  ].flatMap(({ group, representation }) => (O.isSome(group) ? [{ group: group.value, representation }] : []))
  const plain = groups.length === 1 && groups[0]?.representation === 'ABC'
  return groups.map(({ group, representation }, index) =>
    humanName(group, { usual: index === 0, representation: plain ? undefined : representation }),
  )
}

const representationOf = ({ extension = [] }: HumanName): string | undefined =>
  extension.find(({ url }) => url === nameRepresentation)?.valueCode

const isOurName = ({ use, extension }: HumanName): boolean =>
  use === 'usual' ||
  (use === undefined &&
    (extension ?? []).some(({ url, valueCode }) => url === nameRepresentation && valueCode !== undefined))

const withNames = (patient: Patient, ours: ReadonlyArray<HumanName>): Patient => {
  const { name, ...rest } = patient
  const [held, others] = [(name ?? []).filter(isOurName), (name ?? []).filter((each) => !isOurName(each))]
  // One that others have enriched stays, but for what the groups are: that is ours to say.
  const kept = ours.flatMap((one) =>
    asHeld(
      held.filter((each) => representationOf(each) === representationOf(one)),
      [one],
    ),
  )
  const names = [...kept, ...others]
  return names.length === 0 ? rest : { ...rest, name: names }
}

const genders = { M: 'male', F: 'female', O: 'other' } as const
type Gender = (typeof genders)[keyof typeof genders]

const isGender = (code: string): code is keyof typeof genders => Object.hasOwn(genders, code)

const readSex = (dataset: DicomDataset): Mapped<O.Option<Gender>> => {
  const read = readTag('PatientSex')(dataset)
  if (TH.isLeft(read) || O.isNone(read.right)) return read as Mapped<O.Option<never>>
  const code = read.right.value
  return isGender(code) ? TH.right(O.some(genders[code])) : TH.left(RNEA.of(invalidTag('PatientSex', 'not M, F or O')))
}

/** Patient, for one partition: it may have a PatientID system of its own. */
export const patientRules = (settings: MappingSettings, partition: string): ReadonlyArray<Rule<Patient>> => [
  rule<Patient, Identified>({
    element: 'Patient.identifier',
    tags: ['PatientID', 'IssuerOfPatientID', 'IssuerOfPatientIDQualifiersSequence'],
    required: true,
    note: 'type v2-0203: IdentifierTypeCode (0040,0035), else MR; the system of the issuer, else of the partition, else Patient__PatientSystemId, else none',
    read: (dataset) =>
      pipe(
        readPatientIdentity(settings, partition)(dataset),
        E.match(
          // An unknown issuer is judged before the rules are asked.
          (problem): Mapped<O.Option<Identified>> =>
            problem._tag === 'IssuerUnknown' ? TH.right(O.none) : TH.left(RNEA.of(problem)),
          (identity) =>
            withIssues(
              O.some({ identity, type: readIdentifierType(dataset) }),
              issuesOf(readTag('PatientID')(dataset)),
            ),
        ),
      ),
    slot: {
      has: () => false,
      set:
        ({ identity, type }) =>
        (patient) =>
          withIdentifier(patient, identity, type),
      clear: (patient) => patient,
    },
  }),
  rule<Patient, PersonName>({
    element: 'Patient.name',
    tags: ['PatientName'],
    note: 'the name with use usual; ideographic and phonetic groups as names of their own',
    read: readTag('PatientName'),
    slot: {
      has: ({ name }) => (name ?? []).length > 0,
      set: (name) => (patient) => withNames(patient, humanNames(name)),
      clear: (patient) => withNames(patient, []),
    },
  }),
  rule<Patient, Gender>({
    element: 'Patient.gender',
    tags: ['PatientSex'],
    note: 'M male, F female, O other',
    read: readSex,
    slot: {
      has: ({ gender }) => gender !== undefined,
      set: (gender) => (patient) => (patient.gender === gender ? patient : { ...patient, gender }),
      clear: ({ gender: _cleared, ...rest }) => rest,
    },
  }),
  rule<Patient, string>({
    element: 'Patient.birthDate',
    tags: ['PatientBirthDate'],
    read: readTag('PatientBirthDate'),
    slot: {
      has: ({ birthDate }) => birthDate !== undefined,
      set: (birthDate) => (patient) => (patient.birthDate === birthDate ? patient : { ...patient, birthDate }),
      clear: ({ birthDate: _cleared, ...rest }) => rest,
    },
  }),
]
