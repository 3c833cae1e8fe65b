import type { Observation } from 'fhir/r4'
import { type Report, isSuperseded } from './dose-report'
import type { FhirStore } from './fhir-store'

const mark = 'https://dicom.example'

const isOurs = ({ meta }: Observation): boolean => meta?.source?.startsWith(mark) === true
const codesOf = ({ code }: Observation): ReadonlyArray<string> => (code.coding ?? []).map((each) => each.code ?? '')
const isSummary = (each: Observation): boolean => codesOf(each).includes('73569-6')
const isEvent = (each: Observation): boolean => codesOf(each).includes('113852')
export const isWithdrawn = (each: Observation): boolean =>
  each.status === 'cancelled' && JSON.stringify(each).includes('withdrawn: ')

export const uidOf = ({ identifier = [] }: Observation): string =>
  identifier.find(({ type }) => (type?.coding ?? []).some(({ code = '' }) => code.endsWith('-uid')))?.value?.slice(8) ??
  '?'

const dlpOf = ({ component = [] }: Observation): number | undefined =>
  component.find(({ code }) => code.coding?.[0]?.code === '113813')?.valueQuantity?.value

/** What stands in FHIR about a study's doses, by the UIDs of DICOM. */
export interface Doses {
  /** By SOPInstanceUID of the report. */
  readonly summaries: Readonly<
    Record<string, { status: string; dlp: number | undefined; members: ReadonlyArray<string> }>
  >
  /** By event UID. */
  readonly events: ReadonlyArray<string>
  /** Kept because others refer to them, and emptied. */
  readonly withdrawn: ReadonlyArray<string>
}

const nothing: Doses = { summaries: {}, events: [], withdrawn: [] }

/** What the live reports of a study make of it. */
export const dosesOf = (reports: ReadonlyMap<string, Report>): Doses => ({
  ...nothing,
  summaries: Object.fromEntries(
    [...reports].map(([uid, report]) => [
      uid,
      {
        status: isSuperseded(uid, reports) || report.preliminary ? 'preliminary' : 'final',
        dlp: report.dlp,
        members: [...new Set(report.events)].sort(),
      },
    ]),
  ),
  events: [...new Set([...reports.values()].flatMap(({ events }) => events))].sort(),
})

const referencesOf = (references: Observation['partOf'] = []): string =>
  references.map(({ reference = '' }) => reference).join(' ')

/** What of it is not as every one of ours must be: of one study, and whose the study is. */
const problemsOf = (each: Observation, store: FhirStore, refused: ReadonlySet<string>): ReadonlyArray<string> => {
  const name = `Observation/${each.id} ${uidOf(each)}`
  const study = store.get(referencesOf(each.partOf))
  if (study?.resourceType !== 'ImagingStudy') return [`${name} is part of “${referencesOf(each.partOf)}”`]
  // What was emptied goes ahead of a study that moves, and where FHIR refuses that it is there already when it moves at last.
  const isAhead = isWithdrawn(each) && refused.has(`ImagingStudy/${study.id}`)
  const isTheirs = isAhead || each.subject?.reference === study.subject.reference
  return [
    ...(isTheirs ? [] : [`${name} is another person's than its study`]),
    ...(isSummary(each) && !isWithdrawn(each) && referencesOf(each.focus) !== referencesOf(each.partOf)
      ? [`${name} is about another study than the one it is part of`]
      : []),
    ...(isWithdrawn(each) && (each.component ?? each.valueString ?? each.hasMember) !== undefined
      ? [`${name} is withdrawn, and still says something`]
      : []),
    ...(isSummary(each) || isEvent(each) ? [] : [`${name} is neither a summary nor an event`]),
  ]
}

/** Ours of all studies, by `ImagingStudy/id`, and what is wrong with any of them. `refused`: studies of which FHIR refuses something. */
export const dosesIn = (
  store: FhirStore,
  taken: ReadonlySet<string> = new Set(),
  refused: ReadonlySet<string> = new Set(),
): { readonly byStudy: ReadonlyMap<string, Doses>; readonly problems: ReadonlyArray<string> } => {
  const ours = (store.all('Observation') as ReadonlyArray<Observation>).filter(isOurs)
  const byPath = new Map(ours.map((each) => [`Observation/${each.id}`, each]))
  // A study that somebody else deleted leaves its doses behind.
  const isLeft = ({ partOf }: Observation): boolean => taken.has(referencesOf(partOf))
  const problems = ours.filter((each) => !isLeft(each)).flatMap((each) => problemsOf(each, store, refused))
  const byStudy = new Map<
    string,
    { summaries: Record<string, Doses['summaries'][string]>; events: Array<string>; withdrawn: Array<string> }
  >()
  for (const each of ours) {
    const path = referencesOf(each.partOf)
    const of = byStudy.get(path) ?? { summaries: {}, events: [], withdrawn: [] }
    byStudy.set(path, of)
    const uid = uidOf(each)
    if (isWithdrawn(each)) of.withdrawn.push(uid)
    else if (isEvent(each)) {
      if (of.events.includes(uid)) problems.push(`event ${uid} stands twice in ${path}`)
      of.events.push(uid)
    } else {
      if (of.summaries[uid] !== undefined) problems.push(`summary ${uid} stands twice in ${path}`)
      const members = (each.hasMember ?? []).map(({ reference = '' }) => byPath.get(reference))
      for (const member of isLeft(each) ? [] : members) {
        if (member === undefined || isWithdrawn(member)) problems.push(`${uid} of ${path} has a member that is gone`)
        else if (referencesOf(member.partOf) !== path) problems.push(`${uid} of ${path} has a member of another study`)
      }
      of.summaries[uid] = {
        status: each.status,
        dlp: dlpOf(each),
        members: members.flatMap((member) => (member === undefined ? [] : [uidOf(member)])).sort(),
      }
    }
  }
  for (const of of byStudy.values()) for (const uids of [of.events, of.withdrawn]) uids.sort()
  return { byStudy, problems }
}
