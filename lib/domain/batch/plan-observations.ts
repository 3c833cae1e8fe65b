// This file is longer than 250 lines because the Observations of a study are planned together: written, withdrawn, moved.
import type { Coding, Identifier, ImagingStudy, Observation, Reference } from 'fhir/r4'
import { type TransactionEntry, createEntry, createdReference, deleteEntry, updateEntry } from '../fhir/bundle'
import { codeSystems } from '../fhir/code-systems'
import { identifierToken, matches } from '../fhir/identifiers'
import { isSourceOf, ourMeta, sourceOf } from '../fhir/provenance'
import { unchanged } from '../fhir/unchanged'
import type { DoseReport, ObservationBody } from '../mapping/dose/report'
import { isOurOrder } from '../mapping/orders'
import type { MappingSettings } from '../mapping/settings'
import { type ObservationIndex, isReportClass, membersOf, studiesOf } from './observation-index'
import { referencedId } from './snapshot'

/** A report, and whether it came late: then it does not replace what another report says of the same event. */
export interface CastReport extends DoseReport {
  readonly late: boolean
}

/** What a batch says about the dose reports of one study. */
export interface StudyDoses {
  /** Of instances that were cast, by SOPInstanceUID, in the order of their last rows. */
  readonly reports: ReadonlyMap<string, CastReport>
  /** Instances that were deleted, whatever they were. */
  readonly deleted: ReadonlySet<string>
}

interface Study {
  readonly reference: string
  readonly subject: Reference
}

interface Context extends StudyDoses {
  readonly settings: MappingSettings
  readonly partition: string
  readonly index: ObservationIndex
  /** The study as FHIR holds it; none when it is new there. */
  readonly base: ImagingStudy | undefined
  /** None when the study is deleted. */
  readonly study: Study | undefined
}

export interface ObservationWrites {
  /** What is taken away, before the study: what is left of it is found again only through the study. */
  readonly withdrawn: ReadonlyArray<TransactionEntry>
  readonly written: ReadonlyArray<TransactionEntry>
  /** Which Observations these are: a transaction may hold each only once. */
  readonly keys: ReadonlyArray<string>
}

interface Write {
  readonly key: string
  readonly entry: TransactionEntry
}

const uidOf = ({ identifier: [identity] }: ObservationBody): string => identity.value ?? ''
const keyOf = (body: ObservationBody): string => `Observation ${uidOf(body)}`

const isOurs = ({ settings, partition }: Context, { meta }: Observation): boolean =>
  isSourceOf(meta, sourceOf(settings.dicom, partition))

/** The Observation under this identity; ours before another system's. */
const found = (context: Context, body: ObservationBody): Observation | undefined => {
  const hits = context.index.byUid.get(uidOf(body)) ?? []
  return hits.find((each) => isOurs(context, each)) ?? hits[0]
}

const referenceTo = (context: Context, body: ObservationBody): Reference => {
  const existing = found(context, body)
  return { reference: existing?.id === undefined ? createdReference(keyOf(body)) : `Observation/${existing.id}` }
}

const update = ({ settings }: Context, existing: Observation, next: Observation): ReadonlyArray<Write> =>
  unchanged(existing, next)
    ? []
    : [
        {
          key: `Observation/${existing.id}`,
          entry: updateEntry(settings.fhirBase, next, existing.meta?.versionId),
        },
      ]

const create = ({ settings, partition }: Context, body: ObservationBody, references: Partial<Observation>): Write => {
  const resource: Observation = { ...body, meta: ourMeta(sourceOf(settings.dicom, partition)), ...references }
  const token = identifierToken(codeSystems.dicomUid, uidOf(body))
  return { key: keyOf(body), entry: createEntry(keyOf(body), resource, `identifier=${encodeURIComponent(token)}`) }
}

/** What a report says is replaced as a whole; what other systems have put into the resource stays. */
const rewritten = (existing: Observation, body: ObservationBody, references: Partial<Observation>): Observation => {
  const rest: Observation = { ...existing }
  for (const element of ['effectiveDateTime', 'valueString', 'device', 'bodySite', 'component', 'hasMember'] as const) {
    delete rest[element]
  }
  const { basedOn: orders = [], identifier = [], ...others } = rest
  const basedOn = [...orders.filter((each) => !isOurOrder(each)), ...(body.basedOn ?? [])]
  const isOwn = ({ system, value = '' }: Identifier): boolean =>
    body.identifier.some((each) => matches(each, system, value))
  return {
    ...others,
    ...body,
    identifier: [...body.identifier, ...identifier.filter((each) => !isOwn(each))],
    ...(basedOn.length === 0 ? {} : { basedOn }),
    ...references,
  }
}

/** A report that is written now, by its summary's UID: what it lists counts, not what it listed. */
const listsNow = (context: Context): ReadonlyMap<string, ReadonlySet<string>> =>
  new Map([...context.reports.values()].map(({ summary, events }) => [uidOf(summary), new Set(events.map(uidOf))]))

/** An Observation of another system under the same identifier is not touched, and not doubled either. */
const writeSummary = (context: Context, { summary, events }: DoseReport, study: Study): ReadonlyArray<Write> => {
  const existing = found(context, summary)
  const hasMember = events.map((body) => referenceTo(context, body))
  const ofStudy = [{ reference: study.reference }]
  const references = {
    ...{ subject: study.subject, partOf: ofStudy, focus: ofStudy },
    ...(hasMember.length === 0 ? {} : { hasMember }),
  }
  if (existing === undefined) return [create(context, summary, references)]
  return isOurs(context, existing) ? update(context, existing, rewritten(existing, summary, references)) : []
}

/** The study that an event was first part of says whose it is and what it was; others only add themselves. */
const isOwner = ({ settings, base }: Context, each: Observation): boolean => {
  const [owner] = studiesOf(settings.fhirBase, each)
  return owner === undefined || owner === base?.id
}

const writeEvent = (context: Context, { body, late }: EventNow, study: Study): ReadonlyArray<Write> => {
  const existing = found(context, body)
  const ofStudy: Reference = { reference: study.reference }
  if (existing === undefined) return [create(context, body, { subject: study.subject, partOf: [ofStudy] })]
  if (!isOurs(context, existing)) return []
  const isPart = studiesOf(context.settings.fhirBase, existing).includes(context.base?.id ?? '')
  const partOf = isPart ? (existing.partOf ?? []) : [...(existing.partOf ?? []), ofStudy]
  const next =
    isOwner(context, existing) && !late
      ? rewritten(existing, body, { subject: study.subject, partOf })
      : { ...existing, partOf }
  return update(context, existing, next)
}

interface EventNow {
  readonly body: ObservationBody
  readonly late: boolean
}

/** Whether a summary that is not written now lists the event. */
const isListedElsewhere = (context: Context, body: ObservationBody): boolean => {
  const id = found(context, body)?.id ?? ''
  const own = new Set([...context.reports.values()].flatMap(({ summary }) => found(context, summary)?.id ?? []))
  return (context.index.byMember.get(id) ?? []).some((summary) => !own.has(summary.id ?? ''))
}

/** The same event in a later cumulative report is the same Observation. */
const eventsNow = (context: Context): ReadonlyArray<EventNow> => {
  const events = new Map<string, EventNow>()
  for (const { events: bodies, late } of context.reports.values()) {
    for (const body of bodies) {
      const uid = uidOf(body)
      if (!late || !events.has(uid)) events.set(uid, { body, late: late && isListedElsewhere(context, body) })
    }
  }
  return [...events.values()]
}

const isEvent = ({ code }: Observation): boolean =>
  (code.coding ?? []).some((coding) => coding.system === codeSystems.dcm && coding.code === '113852')

const isReport = ({ base, deleted }: Context): boolean =>
  (base?.series ?? []).some(({ instance = [] }) =>
    instance.some(({ uid, sopClass }) => deleted.has(uid) && isReportClass((sopClass as Coding | undefined)?.code)),
  )

const withdraw = (context: Context): ReadonlyArray<Write> => {
  const { settings, base, study, index, deleted, reports } = context
  const { fhirBase } = settings
  const ofStudy = (index.byStudy.get(base?.id ?? '') ?? []).filter((each) => isOurs(context, each))
  const uids = study === undefined ? [] : [...deleted].map((uid) => `urn:oid:${uid}`)
  const summaries =
    study === undefined
      ? ofStudy.filter((each) => !isEvent(each))
      : uids.flatMap((uid) => (index.byUid.get(uid) ?? []).filter((each) => isOurs(context, each) && !isEvent(each)))
  const gone = new Set(summaries.map(({ id }) => id ?? ''))
  const now = listsNow(context)
  const eventsOfReports = new Set([...now.values()].flatMap((members) => [...members]))
  const summariesNow = new Map(
    [...reports.values()].flatMap(({ summary }) => {
      const existing = found(context, summary)
      return existing?.id !== undefined && isOurs(context, existing) ? [[existing.id, existing] as const] : []
    }),
  )
  const listing = (event: Observation): ReadonlyArray<Observation> =>
    (index.byMember.get(event.id ?? '') ?? []).filter(({ id = '' }) => !gone.has(id) && !summariesNow.has(id))
  const isListedNow = ({ identifier = [] }: Observation): boolean =>
    identifier.some(({ value = '' }) => eventsOfReports.has(value))
  const candidates = new Map(
    [
      ...[...summaries, ...summariesNow.values()].flatMap((each) =>
        membersOf(fhirBase, each).flatMap((id) => index.byId.get(id) ?? []),
      ),
      ...(study === undefined || isReport(context) ? ofStudy.filter(isEvent) : []),
    ].map((event) => [event.id ?? '', event]),
  )
  const remove = (each: Observation): Write => ({
    key: `Observation/${each.id}`,
    entry: deleteEntry(fhirBase, each),
  })
  const events = [...candidates.values()].flatMap((event): ReadonlyArray<Write> => {
    if (!isOurs(context, event) || gone.has(event.id ?? '') || isListedNow(event)) return []
    const others = listing(event)
    if (others.length === 0) return [remove(event)]
    // It stays because of a report of another study: then it is no longer part of this one.
    if (others.some((each) => studiesOf(fhirBase, each).includes(base?.id ?? ''))) return []
    const { partOf = [], ...rest } = event
    const remaining = partOf.filter((each) => referencedId(fhirBase, 'ImagingStudy', each) !== base?.id)
    return update(context, event, { ...rest, ...(remaining.length === 0 ? {} : { partOf: remaining }) })
  })
  return [...summaries.map(remove), ...events]
}

/** Those of the study that nothing else is said about follow it to its person. */
const moved = (context: Context, study: Study, known: ReadonlySet<string>): ReadonlyArray<Write> =>
  (context.index.byStudy.get(context.base?.id ?? '') ?? [])
    .filter((each) => isOurs(context, each) && isOwner(context, each) && !known.has(each.id ?? ''))
    .filter(({ subject }) => subject?.reference !== study.subject.reference)
    .flatMap((each) => update(context, each, { ...each, subject: study.subject }))

/**
 * The Observations of one study, in its own transaction: written by their identity, so that a report that comes again
 * is updated; taken away with their report, with their study; and re-pointed when the study moves to another person.
 */
export const planObservations = (context: Context): ObservationWrites => {
  const { study, reports } = context
  const withdrawn = withdraw(context)
  const events = study === undefined ? [] : eventsNow(context)
  const known = new Set([
    ...withdrawn.map(({ key }) => key.replace('Observation/', '')),
    ...[...events.map(({ body }) => body), ...[...reports.values()].map(({ summary }) => summary)].flatMap(
      (body) => found(context, body)?.id ?? [],
    ),
  ])
  const written =
    study === undefined
      ? []
      : [
          ...events.flatMap((event) => writeEvent(context, event, study)),
          ...[...reports.values()].flatMap((report) => writeSummary(context, report, study)),
          ...moved(context, study, known),
        ]
  return {
    withdrawn: withdrawn.map(({ entry }) => entry),
    written: written.map(({ entry }) => entry),
    keys: [...withdrawn, ...written].map(({ key }) => key),
  }
}
