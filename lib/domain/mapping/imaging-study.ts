import * as O from 'fp-ts/Option'
import type { Annotation, CodeableConcept, Identifier } from 'fhir/r4'
import { readCodes } from '../dicom/coded-entry'
import { studyInstanceUidType } from '../fhir/code-systems'
import { matches, studyIdentifier } from '../fhir/identifiers'
import { asHeld } from '../fhir/others'
import { carriesOurTag } from '../fhir/provenance'
import { codeableConcept } from './coded-concept'
import { type MergeMode, type Rule, readTag, rule, withIssues } from './mapped'
import type { StudyFields } from './fields'
import { orderRules } from './orders'
import { referrerRule } from './people'
import { type Started, readStarted, startedAfter } from './time'

const withIdentifiers = (study: StudyFields, identifier: ReadonlyArray<Identifier>): StudyFields => {
  const { identifier: _replaced, ...rest } = study
  return identifier.length === 0 ? rest : { ...rest, identifier: [...identifier] }
}

const withNotes = (study: StudyFields, note: ReadonlyArray<Annotation>): StudyFields => {
  const { note: _replaced, ...rest } = study
  return note.length === 0 ? rest : { ...rest, note: [...note] }
}

/** The original wrote the description as a note alone: of a study of its, the first that says nothing but its text. */
const noteOfOriginal = ({ meta, description, note = [] }: StudyFields): Annotation | undefined =>
  description !== undefined || carriesOurTag(meta) ? undefined : note.find((each) => Object.keys(each).length === 1)

/** The note that repeats the description is the one we wrote. */
const withoutOurNote = (study: StudyFields, isOfService = true): ReadonlyArray<Annotation> => {
  const originals = isOfService ? noteOfOriginal(study) : undefined
  return (study.note ?? []).filter((each) => each !== originals && each.text !== study.description)
}

// On other studies a note is another's.
const ofServiceAlone: ReadonlySet<MergeMode> = new Set(['adopt', 'correct'])

const noteRule = rule<StudyFields, string>({
  element: 'ImagingStudy.note',
  tags: ['StudyDescription'],
  note: 'a changed description replaces the note written before, which is known by the description',
  read: readTag('StudyDescription'),
  slot: {
    has: ({ note, description }) => description !== undefined || note !== undefined,
    set: (text, mode) => (study) => {
      if (study.description === text && (study.note ?? []).some((each) => each.text === text)) return study
      const others = withoutOurNote(study, ofServiceAlone.has(mode))
      return withNotes(study, others.some((each) => each.text === text) ? others : [...others, { text }])
    },
    clear: (study) => withNotes(study, withoutOurNote(study)),
  },
})

const descriptionRule = rule<StudyFields, string>({
  element: 'ImagingStudy.description',
  tags: ['StudyDescription'],
  read: readTag('StudyDescription'),
  slot: {
    has: ({ description }) => description !== undefined,
    set: (description) => (study) => (study.description === description ? study : { ...study, description }),
    clear: ({ description: _cleared, ...rest }) => rest,
  },
})

const procedureCodeRule = rule<StudyFields, ReadonlyArray<CodeableConcept>>({
  element: 'ImagingStudy.procedureCode',
  tags: ['ProcedureCodeSequence'],
  judged: false,
  note: 'each coded item',
  read: (dataset) => {
    const { entries, issues } = readCodes(dataset, 'ProcedureCodeSequence')
    return withIssues(entries.length === 0 ? O.none : O.some(entries.map(codeableConcept)), issues)
  },
  slot: {
    has: ({ procedureCode }) => procedureCode !== undefined,
    set: (codes) => (study) => ({ ...study, procedureCode: [...asHeld(study.procedureCode ?? [], codes)] }),
    clear: ({ procedureCode: _cleared, ...rest }) => rest,
  },
})

/** ImagingStudy, without what is computed from its series, and without its references. */
export const studyRules = (
  zone: string | undefined,
  excluded: ReadonlySet<string> = new Set(),
): ReadonlyArray<Rule<StudyFields>> => [
  rule<StudyFields, string>({
    element: 'ImagingStudy.identifier',
    tags: ['StudyInstanceUID'],
    required: true,
    note: 'system urn:dicom:uid, value urn:oid:{uid}, type DCM 110180',
    read: readTag('StudyInstanceUID'),
    slot: {
      has: () => false,
      set: (uid) => (study) => {
        const { system, value = '' } = studyIdentifier(uid)
        const identifiers = study.identifier ?? []
        const own = identifiers.find((each) => matches(each, system, value))
        if (own?.type !== undefined) return study
        const typed = { type: studyInstanceUidType, ...(own ?? studyIdentifier(uid)) }
        return withIdentifiers(
          study,
          own === undefined ? [typed, ...identifiers] : identifiers.map((each) => (each === own ? typed : each)),
        )
      },
      clear: (study) => study,
    },
  }),
  ...orderRules(excluded),
  rule<StudyFields, Started>({
    element: 'ImagingStudy.started',
    tags: ['StudyDate', 'StudyTime', 'TimezoneOffsetFromUTC'],
    note: 'the earliest of the study; the date alone when the offset from UTC is unknown',
    read: readStarted('StudyDate', 'StudyTime', zone),
    slot: {
      has: ({ started }) => started !== undefined,
      set: (value, mode) => (study) => {
        const started = startedAfter(study.started, value, mode)
        return study.started === started ? study : { ...study, started }
      },
      clear: ({ started: _cleared, ...rest }) => rest,
    },
  }),
  // Before the description: the note we wrote is known by the description it repeats.
  noteRule,
  descriptionRule,
  referrerRule,
  procedureCodeRule,
]
