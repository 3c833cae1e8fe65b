import { dictionary } from '../dicom/tags'
import type { Keyword } from '../dicom/tags'
import { doseRules } from './dose/rules'
import { type RuleText, allRuleTexts } from './rules'

const tagText = (keyword: Keyword): string => {
  const { tag } = dictionary[keyword]
  return `${keyword} (${tag.slice(0, 4)},${tag.slice(4)})`
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

/** What becomes of an invalid value (`EnforceValidationOfTagValues` off · on). */
const invalidText = ({ required, judged }: Pick<RuleText, 'required' | 'judged'>): string => {
  if (required) return 'the entry is rejected'
  return judged ? 'left out, recorded · the entry is rejected' : 'left out, recorded'
}

const row = (rule: RuleText): string => {
  const { element, tags, required, note = '' } = rule
  const cells = [`\`${element}\``, tags.map(tagText).join(', '), required ? 'yes' : '', note, invalidText(rule)]
  return `| ${cells.map(cell).join(' | ')} |`
}

const doseRow = ({ of, element, tags, concepts, required, note }: (typeof doseRules)[number]): string => {
  const named = concepts.map(({ display, value, scheme }) => `${display} (${value}, ${scheme})`)
  const sources = [...tags.map(tagText), ...named]
  const cells = [of, `\`${element}\``, sources.join(', '), required ? 'yes' : '', note ?? '']
  return `| ${cells.map(cell).join(' | ')} |`
}

/** docs/mapping.md: the rules, as they are applied. */
export const mappingTable = (): string =>
  `# What is mapped

Printed from the mapping rules by \`npm run docs:mapping\`. An element that is not required can be switched off by its name:
\`DicomCast__Mapping__Exclude\`.

## Patient and ImagingStudy

| element | from | required | note | an invalid value (EnforceValidationOfTagValues off · on) |
|---|---|---|---|---|
${allRuleTexts.map(row).join('\n')}

**Studies that disagree about a Patient.** The newest of ours has the say: the one with the greatest \`started\` that is not
after today (one without a date counts as the oldest), then the greater StudyInstanceUID. An older study only fills what is
missing; an Update replaces whatever its study. So the same values stand there in whatever order studies are cast.

**Images that disagree about their study.** Cast from the feed, the last one has the say. A study that is read whole
(\`resync\`, \`verify --repair\`) keeps the value that FHIR holds while one of its images says so.

Beside these: \`ImagingStudy.status\` (\`available\`), \`subject\`, \`endpoint\`, and what is counted from the series:
\`modality\` (acquisition modalities, PS3.16 CID 29), \`numberOfSeries\`, \`numberOfInstances\`.

## Observation: radiation dose reports

Switched off as a whole by \`DicomCast__Features__GenerateObservations=false\`; a single element by its name, in summaries
and events alike. A value that cannot be read skips its element and is recorded; it never keeps the report or its
instance out.

Beside these each carries our tag and an identifier of ours (\`urn:ietf:rfc:3986\`, \`urn:uuid:…\`): by it, and not by the UIDs
alone, it is known. A report or an event belongs to one study of one partition; another study that reports the same UID has
Observations of its own. \`subject\`, \`partOf\` and (of a summary) \`focus\` are those of the study.

**Adding up doses.** A report whose events a newer report of the same study lists, all of them, is superseded: its summary is
\`preliminary\`. So add up the summaries that are \`final\`; where a study has none, take its newest \`preliminary\` one. An event
counts once, whatever the number of summaries that list it.

**Deleted reports.** An Observation goes with its report. Where the server refuses to delete it, because others refer to it,
it stays \`cancelled\`, without values, and \`event-statusReason\` says why; it lives again when the report is stored again. One
that somebody else has set to \`cancelled\` or \`entered-in-error\` keeps that status.

| of | element | from | required | note |
|---|---|---|---|---|
${doseRules.map(doseRow).join('\n')}
`
