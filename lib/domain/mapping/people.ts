import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import type { ImagingStudySeriesPerformer, Reference } from 'fhir/r4'
import { readCodedEntries } from '../dicom/coded-entry'
import { type DicomDataset, isEmptied, itemsOf } from '../dicom/dataset'
import type { PersonName } from '../dicom/person-name'
import { readNames } from '../dicom/read'
import { readable } from '../dicom/vr'
import { asHeld, saysAll } from '../fhir/others'
import { systemOfScheme } from './coded-concept'
import type { StudyFields } from './fields'
import { type Mapped, type Rule, invalidTag, readTag, rule, withIssues } from './mapped'
import type { SeriesFields } from './fields'

/** A name as a person reads it: of the first group that there is. */
const displayOf = ({ alphabetic, ideographic, phonetic }: PersonName): string => {
  const western = O.isSome(alphabetic)
  const group = [alphabetic, ideographic, phonetic].find(O.isSome)
  if (group === undefined || O.isNone(group)) return ''
  const { family, given, middle, prefix, suffix, rest } = group.value
  const parts = western ? [prefix, given, middle, family, suffix, rest] : [prefix, family, given, middle, suffix, rest]
  return parts.filter((part) => part !== '').join(' ')
}

const identifierOf = (dataset: DicomDataset): Reference['identifier'] => {
  const [item] = itemsOf(dataset, 'ReferringPhysicianIdentificationSequence')
  const [code] = item === undefined ? [] : readCodedEntries(item, 'PersonIdentificationCodeSequence')
  if (code === undefined) return undefined
  const system = systemOfScheme.get(code.scheme)
  return { ...(system === undefined ? {} : { system }), value: code.value }
}

interface Referrer {
  readonly reference: Reference
  readonly isNameEmptied: boolean
}

const referrerOf =
  (dataset: DicomDataset) =>
  (name: O.Option<PersonName>): O.Option<Referrer> => {
    const identifier = identifierOf(dataset)
    if (O.isNone(name) && identifier === undefined) return O.none
    const reference = {
      ...(identifier === undefined ? {} : { identifier }),
      ...(O.isNone(name) ? {} : { display: displayOf(name.value) }),
    }
    return O.some({ reference, isNameEmptied: isEmptied(dataset, 'ReferringPhysicianName') })
  }

/** ImagingStudy.referrer; one that refers to a resource was put there by somebody who knows more. */
export const referrerRule: Rule<StudyFields> = rule<StudyFields, Referrer>({
  element: 'ImagingStudy.referrer',
  tags: ['ReferringPhysicianName', 'ReferringPhysicianIdentificationSequence'],
  judged: false,
  note: 'the name as display, and a logical identifier; one that refers to a resource stays',
  read: (dataset) => pipe(readTag('ReferringPhysicianName')(dataset), TH.map(referrerOf(dataset))),
  slot: {
    has: ({ referrer }) => referrer !== undefined,
    set:
      ({ reference, isNameEmptied }, mode) =>
      (study) => {
        const { referrer } = study
        if (referrer?.reference !== undefined) return study
        if (mode !== 'correct' && saysAll(referrer, reference)) return study
        // An identifier alone takes no name away; a correction that empties the name does.
        const isNamed = reference.display !== undefined || (isNameEmptied && mode === 'correct')
        return isNamed || referrer === undefined ? { ...study, referrer: reference } : study
      },
    clear: (study) => {
      const { referrer, ...rest } = study
      return referrer?.reference === undefined ? rest : study
    },
  },
})

const functionSystem = 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType'

type Performers = ReadonlyArray<ImagingStudySeriesPerformer>

type PerformerKeyword = 'OperatorsName' | 'PerformingPhysicianName'

const readPerformers =
  (keyword: PerformerKeyword, code: string) =>
  (dataset: DicomDataset): Mapped<O.Option<Performers>> => {
    const read = readNames(dataset, keyword)
    const performers = read.flatMap((each): Performers => {
      const name = readable(each)
      if (name === undefined) return []
      return [{ function: { coding: [{ system: functionSystem, code }] }, actor: { display: displayOf(name) } }]
    })
    const issues = read.flatMap((each) => (TH.isRight(each) ? [] : [invalidTag(keyword, each.left)]))
    return withIssues(performers.length === 0 ? O.none : O.some(performers), issues)
  }

const performerRule = (keyword: PerformerKeyword, code: string, who: string): Rule<SeriesFields> => {
  const isOurs = ({ function: role, actor }: ImagingStudySeriesPerformer): boolean =>
    actor.reference === undefined &&
    (role?.coding ?? []).some((coding) => coding.system === functionSystem && coding.code === code)
  // In the place of those that were there: a row that has one tag of the two must not turn their order around.
  const withPerformers = (series: SeriesFields, ours: Performers): SeriesFields => {
    const { performer = [], ...rest } = series
    const first = performer.findIndex(isOurs)
    const before = first < 0 ? performer : performer.slice(0, first)
    const after = first < 0 ? [] : performer.slice(first).filter((each) => !isOurs(each))
    const all = [...before, ...asHeld(performer.filter(isOurs), ours), ...after]
    return all.length === 0 ? rest : { ...rest, performer: all }
  }
  return rule<SeriesFields, Performers>({
    element: 'ImagingStudy.series.performer',
    tags: [keyword],
    judged: false,
    note: `${who} with function ${code}; those that refer to a resource stay`,
    read: readPerformers(keyword, code),
    slot: {
      has: ({ performer }) => (performer ?? []).some(isOurs),
      set: (performers) => (series) => withPerformers(series, performers),
      clear: (series) => withPerformers(series, []),
    },
  })
}

/** ImagingStudy.series.performer: one rule a tag, so that one that is absent leaves what it said before. */
export const performerRules: ReadonlyArray<Rule<SeriesFields>> = [
  performerRule('OperatorsName', 'SPRF', 'operators'),
  performerRule('PerformingPhysicianName', 'PRF', 'performing physicians'),
]
