import type { ImagingStudySeriesInstance, Patient } from 'fhir/r4'
import type { SeriesFields, StudyFields } from './fields'
import { studyRules } from './imaging-study'
import { instanceRules } from './instance'
import type { Rule } from './mapped'
import { patientRules } from './patient'
import { seriesRules } from './series'
import type { MappingSettings } from './settings'

export interface MappingRules {
  readonly patient: ReadonlyArray<Rule<Patient>>
  readonly study: ReadonlyArray<Rule<StudyFields>>
  readonly series: ReadonlyArray<Rule<SeriesFields>>
  readonly instance: ReadonlyArray<Rule<ImagingStudySeriesInstance>>
}

/** Every rule that maps a dataset, without the elements that are switched off. */
export const mappingRules = (settings: MappingSettings, partition: string): MappingRules => {
  const wanted = <R>(rules: ReadonlyArray<Rule<R>>): ReadonlyArray<Rule<R>> =>
    rules.filter(({ element, required }) => required || !settings.excludedElements.has(element))
  return {
    patient: wanted(patientRules(settings, partition)),
    study: wanted(studyRules(settings.defaultTimeZone, settings.excludedElements)),
    series: wanted(seriesRules(settings.defaultTimeZone)),
    instance: wanted(instanceRules),
  }
}

/** Required or not, from which tags: what a rule says of itself, whatever it maps to. */
export type RuleText = Pick<Rule<never>, 'element' | 'tags' | 'required' | 'judged' | 'note'>

export const ruleTexts = ({ patient, study, series, instance }: MappingRules): ReadonlyArray<RuleText> => [
  ...patient,
  ...study,
  ...series,
  ...instance,
]

const anySettings: MappingSettings = {
  dicom: { root: '', version: '' },
  fhirBase: '',
  enforceValidation: false,
  defaultTimeZone: undefined,
  excludedElements: new Set(),
  patient: {
    systemId: undefined,
    partitionSystems: {},
    isIssuerIdUsed: false,
    issuerSystems: {},
    rejectedIds: new Set(),
    matchGuard: true,
    placeholderBirthDates: new Set(),
    aliasNames: [],
    overwrite: 'own',
  },
}

/** The rules with default settings. */
export const defaultRules: MappingRules = mappingRules(anySettings, '')

/** What the rules say of themselves does not depend on any setting. */
export const allRuleTexts: ReadonlyArray<RuleText> = ruleTexts(defaultRules)
