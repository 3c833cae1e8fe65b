import type { Patient } from 'fhir/r4'
import { demographicsConflict } from '../../../lib/domain/mapping/demographics'
import { settingsOf } from './domain-settings'

export const judging = {
  ...settingsOf({ patient: { aliasNames: ['TRAUMA*', 'UNKNOWN*'] } }).patient,
  today: '2026-11-24',
}

/** `family^given`, birth date, sex; a part that is missing is not known. */
type Person = readonly [name: string | undefined, birthDate: string | undefined, gender: Patient['gender']]

export interface Pair {
  readonly who: string
  /** As FHIR holds the person. */
  readonly known: Person
  /** As an image under the same PatientID has it. */
  readonly claimed: Person
  readonly isConflict: boolean
}

const pair = (who: string, known: Person, claimed: Person, isConflict: boolean): Pair => ({
  ...{ who, known, claimed, isConflict },
})

const born = '1970-01-02'
const ana: Person = ['Rivera^Ana', born, 'female']

export const pairs: ReadonlyArray<Pair> = [
  pair('the same, written in capitals', ana, ['RIVERA^ANA', born, 'female'], false),
  pair("newborn under the mother's ID", ana, ['Rivera^Lea', '2026-11-20', 'female'], true),
  pair("newborn under the mother's ID, a boy", ana, ['Rivera^Boy', '2026-11-20', 'male'], true),
  pair('twins', ana, ['Rivera^Eva', born, 'female'], false),
  pair('father and son', ['Rivera^Jose', '1940-05-06', 'male'], ['Rivera^Jorge', '1971-03-04', 'male'], true),
  pair(
    'father and son of one given name',
    ['Rivera^Jose', '1940-05-06', 'male'],
    ['Rivera^Jose', '1971-03-04', 'male'],
    false,
  ),
  pair('siblings', ana, ['Rivera^Olga', '1973-02-03', 'female'], true),
  pair('marriage', ana, ['Stone^Ana', born, 'female'], false),
  pair('marriage and a slip in the birth date', ana, ['Stone^Ana', '1970-02-01', 'female'], true),
  pair('a slip in the birth date', ana, ['Rivera^Ana', '1970-02-01', 'female'], false),
  pair('a slip in the sex', ana, ['Rivera^Ana', born, 'male'], false),
  pair('transliteration', ['Yamada^Tarou', born, 'male'], ['\u5c71\u7530^\u592a\u90ce', born, 'male'], false),
  pair(
    'transliteration without a birth date',
    ['Yamada^Tarou', undefined, 'male'],
    ['\u5c71\u7530^\u592a\u90ce', born, 'male'],
    false,
  ),
  pair(
    'umlauts written out',
    ['M\u00fcller-Stra\u00dfe^J\u00f6rg', '1960-01-01', 'male'],
    ['MUELLERSTRASSE^JOERG', '1960-01-10', 'male'],
    false,
  ),
  pair('marks left out', ['M\u00fcller^Ren\u00e9', '1960-01-01', 'male'], ['MULLER^RENE', '1960-01-10', 'male'], false),
  pair(
    'apostrophe and blank',
    ["O'Brien de Vries^Sean", '1960-01-01', 'male'],
    ['OBRIENDEVRIES^SEAN', '1960-01-10', 'male'],
    false,
  ),
  pair('trauma alias, then the true name', ['TRAUMA-17^X', '1900-01-01', undefined], ana, false),
  pair('a name without a birth date, then a trauma alias', ana, ['Trauma-17^X', undefined, 'female'], false),
  pair('placeholder birth date, the same name', ana, ['Rivera^Ana', '1900-01-01', 'female'], false),
  pair('placeholder birth date, another family and sex', ana, ['Berg^Ole', '1900-01-01', 'male'], true),
  pair('placeholder birth date, another family and no sex', ana, ['Berg^Ole', '1900-01-01', undefined], true),
  pair('a birth date in the future, another family and sex', ana, ['Berg^Ole', '2070-01-02', 'male'], true),
  pair(
    'merged duplicate with a maiden name',
    ['Rivera^Ana', born, 'female'],
    ['Lopez^Ana', '1970-02-01', 'female'],
    true,
  ),
  pair('re-used ID', ana, ['Berg^Ole', '1981-01-01', 'male'], true),
  pair('re-used ID without birth dates', ['Rivera^Ana', undefined, 'female'], ['Berg^Ole', undefined, 'male'], true),
  pair(
    're-used ID without birth dates and sex',
    ['Rivera^Ana', undefined, undefined],
    ['Berg^Ole', undefined, undefined],
    true,
  ),
  pair(
    're-used ID of the same sex, one birth date missing',
    ['Rivera^Ana', undefined, 'female'],
    ['Berg^Eva', born, 'female'],
    false,
  ),
  pair('sex told as other', ana, ['Rivera^Ana', born, 'other'], false),
  pair('the year of birth alone', ana, ['Berg^Ole', '1970', 'male'], false),
  pair('another year of birth alone', ana, ['Berg^Ana', '1981', 'female'], true),
  pair('an image that says nothing', ana, [undefined, undefined, undefined], false),
]

export const patientOf = ([name, birthDate, gender]: Person): Patient => {
  const [family = '', given] = (name ?? '').split('^')
  return {
    resourceType: 'Patient',
    ...(name === undefined ? {} : { name: [{ family, ...(given === undefined ? {} : { given: [given] }) }] }),
    ...(birthDate === undefined ? {} : { birthDate }),
    ...(gender === undefined ? {} : { gender }),
  }
}

export const verdictOf = ({ known, claimed }: Pair): boolean =>
  demographicsConflict(judging, patientOf(known), patientOf(claimed))

const told = ([name, birthDate, gender]: Person): string =>
  [name?.replace('^', ', ') ?? '\u2013', birthDate ?? '\u2013', gender ?? '\u2013'].join('; ')

/** docs/patients.md. */
export const patientsPage = (): string =>
  [
    '<!-- Printed from test/support/world/pairs-of-people.ts: npm run docs:patients -->',
    '# Two people under one PatientID',
    '',
    'A study is hung on a Patient that its PatientID finds. Before that, family name, first given name, birth date and sex of',
    'the image are compared with those of the Patient; so is an update that moves a study to another Patient. Unknown values',
    '(missing ones, a partial date beyond what it says, `Patient__PlaceholderBirthDates`, days in the future, a sex that is',
    'neither male nor female, `Patient__AliasNames`) speak neither for nor against, and never take the place of a known one.',
    '',
    'It is a conflict, and the entry is recorded as `DemographicsConflict`, when',
    '- both birth dates are known and different, and family name, first given name or sex differs, too;',
    '- a birth date is unknown, the family names differ, and the sexes do not agree.',
    '',
    'A Patient that is reached over a `replaced-by` link is not compared, and only gets what it lacks. An update that corrects',
    'the Patient that the study has already is not compared.',
    '',
    'An image is compared once, when it comes in: cast, `resync` and `verify` give the same answer, and one that stands in the study',
    'of its Patient stays there when another study, or another system, corrects the person later. What the original DICOMcast',
    'wrote was never compared (it keeps the first birth date under the newest name): such an image is, by the first of',
    'the three that comes to it, and a conflict takes it out of the study, with a row. `dicomcast accept` lets it in.',
    '',
    '| who | FHIR has (name; birth date; sex) | the image says | verdict |',
    '|---|---|---|---|',
    ...pairs.map(
      ({ who, known, claimed, isConflict }) =>
        `| ${who} | ${told(known)} | ${told(claimed)} | ${isConflict ? '**conflict**' : 'one person'} |`,
    ),
    '',
    'What it cannot tell: a father and a son of one name and one given name, and an ID that was given to another person of the',
    'same sex when one birth date is missing.',
    '',
    'An alias is known by `Patient__AliasNames` (here `TRAUMA*,UNKNOWN*`; none by default).',
    '',
  ].join('\n')
