import type { Observation, Reference } from 'fhir/r4'
import { type TransactionEntry, createdReference, updateEntry } from '../fhir/bundle'
import { doseIdentifier, doseKindOf, doseUidOf } from '../mapping/dose/identity'
import type { DoseReport } from '../mapping/dose/report'
import { factsExtension, isWithdrawn } from '../mapping/dose/standing'
import { type DoseKey, type Held, type StudyDoses, doseKey, holdDoses } from './held-doses'
import { type KnownReport, type LiveEvent, liveEvents, liveReports, statusesOf } from './live-reports'
import { membersOf } from './observation-index'
import { referencedId } from './snapshot'
import {
  type Context,
  type Study,
  type Wanted,
  createKey,
  takeOver,
  withdraw,
  writeKept,
  writeWanted,
} from './write-doses'

export interface ObservationWrites {
  /** What is taken away, summaries first; before the study: what is left of it is found again only through the study. */
  readonly withdrawn: ReadonlyArray<TransactionEntry>
  readonly written: ReadonlyArray<TransactionEntry>
  /** Before the study as well: the original's is known by the subject that the study has. */
  readonly isWrittenFirst: boolean
  /**
   * What FHIR holds cannot be judged by the reports in hand: the original's, of which no report is known, summaries of
   * the version before, which do not say which report is the newer one, and one that says what a copy said that is gone.
   * The study must be read whole.
   */
  readonly mustBeRead: boolean
}

/** What the original wrote, by what takes its place. */
type Taken = ReadonlyMap<DoseKey, Observation>

const referenceTo = (context: Context, taken: Taken, event: string): Reference => {
  const key = doseKey('event', event)
  const { byKey, others } = context.held
  const existing = byKey.get(key)?.id ?? others.get(key)?.id ?? taken.get(key)?.id
  if (existing !== undefined) return { reference: `Observation/${existing}` }
  return { reference: createdReference(createKey(doseIdentifier(context, 'event', event))) }
}

/** What the summary of a report in hand lists: its events, and what others have added that is no Observation. */
const membersOfReport = (
  context: Context,
  taken: Taken,
  report: DoseReport,
  held: Held | undefined,
): ReadonlyArray<Reference> => {
  const { fhirBase } = context.settings
  const others = (held?.observation.hasMember ?? []).filter(
    (each) => referencedId(fhirBase, 'Observation', each) === undefined,
  )
  return [...report.events.map((event) => referenceTo(context, taken, doseUidOf(event, 'event'))), ...others]
}

/** What a summary goes on to list. */
const membersKept = (
  context: Context,
  taken: Taken,
  { observation: { hasMember = [] } }: Held,
  gone: ReadonlySet<string>,
): ReadonlyArray<Reference> => {
  const members = hasMember.flatMap((each) => {
    const id = referencedId(context.settings.fhirBase, 'Observation', each) ?? ''
    const event = context.held.byId.get(id)
    if (event?.kind === 'event' && event.id !== context.held.byKey.get(doseKey('event', event.uid))?.id) {
      return [referenceTo(context, taken, event.uid)]
    }
    return gone.has(id) ? [] : [each]
  })
  return [...new Map(members.map((each) => [each.reference ?? each, each])).values()]
}

/** Those of the study that no live report gives a reason for. What was emptied already stays as long as its study. */
const reasonless = (
  context: Context,
  reports: ReadonlyArray<KnownReport>,
  events: ReadonlyArray<LiveEvent>,
): ReadonlyArray<Held> => {
  const { held, live, study, settings, reports: inHand, isWhole, lostReports } = context
  const all = [...held.byKey.values(), ...held.doubles]
  const [summaries, allEvents] = (['summary', 'event'] as const).map((kind) => all.filter((each) => each.kind === kind))
  if (study === undefined) return [...(summaries ?? []), ...(allEvents ?? [])]
  const isDouble = new Set(held.doubles)
  const goneSummaries = (summaries ?? []).filter((each) => !live.has(each.uid) || isDouble.has(each))
  const listed = new Set(events.map(({ uid }) => uid))
  // While a live report may be without its summary, an event that nothing lists may be its.
  const mayGo = new Set(
    [...goneSummaries, ...reports.filter(({ uid }) => inHand.has(uid)).flatMap((each) => each.held ?? [])].flatMap(
      ({ observation }) => membersOf(settings.fhirBase, observation),
    ),
  )
  const goneEvents = (allEvents ?? []).filter(
    (each) => isDouble.has(each) || (!listed.has(each.uid) && (isWhole || lostReports || mayGo.has(each.id))),
  )
  return [...goneSummaries, ...goneEvents].filter(({ observation }) => !isWithdrawn(observation))
}

/** The original's that nothing of ours takes the place of. Which report they are from is not to be seen. */
const leftByOriginal = (context: Context, taken: Taken): ReadonlyArray<Observation> => {
  const { held, study, isWhole, live, reports } = context
  // A report that was deleted since may have stood in the study when it was read: then it was not in hand.
  const isCast = (uid: string): boolean => reports.has(uid) || held.byKey.has(doseKey('summary', uid))
  if (study !== undefined && !isWhole && ![...live].every(isCast)) return []
  const isTaken = new Set(taken.values())
  return held.originals.filter((each) => !isTaken.has(each) && !isWithdrawn(each))
}

/** What of the original's goes on to stand, and nothing of ours takes the place of: it follows its study. */
const followed = (
  { held, study, settings }: Context,
  taken: Taken,
  gone: ReadonlyArray<Observation>,
): ReadonlyArray<TransactionEntry> => {
  const subject = study?.subject
  const isOver = new Set([...taken.values(), ...gone])
  if (subject?.reference === undefined) return []
  return held.originals
    .filter((each) => !isOver.has(each) && each.subject?.reference !== subject.reference)
    .map((each) => updateEntry(settings.fhirBase, { ...each, subject }, each.meta?.versionId))
}

/** What the reports in hand say, without what the summaries list. */
const wantedOf = (reports: ReadonlyArray<KnownReport>, events: ReadonlyArray<LiveEvent>): ReadonlyArray<Wanted> => {
  const statuses = statusesOf(reports)
  return [
    ...events.flatMap(({ uid, body, status }): ReadonlyArray<Wanted> =>
      body === undefined
        ? []
        : [{ key: doseKey('event', uid), kind: 'event', uid, body: { ...body, status: status ?? body.status } }],
    ),
    ...reports.flatMap(({ uid, report }): ReadonlyArray<Wanted> => {
      if (report === undefined) return []
      const extension = [factsExtension(report.facts)]
      const body = { ...report.summary, extension, status: statuses.get(uid) ?? report.summary.status }
      return [{ key: doseKey('summary', uid), kind: 'summary', uid, body }]
    }),
  ]
}

interface Settled {
  readonly taken: Taken
  readonly written: ReadonlySet<DoseKey>
  /** Ids of what goes. */
  readonly gone: ReadonlySet<string>
}

/** What stays without being said anew: it follows its study, and the other reports. */
const keptOf = (
  context: Context,
  study: Study,
  reports: ReadonlyArray<KnownReport>,
  events: ReadonlyArray<LiveEvent>,
  { taken, written, gone }: Settled,
  isOf: (observation: Observation) => boolean,
): ReadonlyArray<TransactionEntry> => {
  const statuses = statusesOf(reports)
  const eventStatuses = new Map(events.map(({ uid, status }) => [uid, status]))
  const { byKey, doubles } = context.held
  // Of the original's that were emptied nobody can tell which report they were of.
  const emptied = doubles
    .filter(({ observation }) => isWithdrawn(observation))
    .map((each) => [undefined, each] as const)
  return [...byKey, ...emptied].flatMap(([key, each]) => {
    if (gone.has(each.id) || (key !== undefined && written.has(key)) || !isOf(each.observation)) return []
    return writeKept(context, each, study, {
      status: each.kind === 'summary' ? statuses.get(each.uid) : eventStatuses.get(each.uid),
      hasMember: membersKept(context, taken, each, gone),
    })
  })
}

/**
 * The Observations of one study, in its own transaction: as its live reports say, in whatever order they came. What has
 * no live report any more goes, what stays follows the study, and nothing refers to an Observation of another study.
 */
export const planObservations = (doses: StudyDoses): ObservationWrites => {
  const { study } = doses
  const context: Context = { ...doses, held: holdDoses(doses) }
  const reports = study === undefined ? [] : liveReports(doses, context.held)
  const events = liveEvents(reports, context.held)
  const bodies = wantedOf(reports, events).filter(
    ({ key }) => context.held.byKey.has(key) || !context.held.others.has(key),
  )
  const taken = takeOver(context, bodies)
  const wanted = bodies.map((each): Wanted => {
    const report = each.kind === 'summary' ? doses.reports.get(each.uid) : undefined
    const members =
      report === undefined ? [] : membersOfReport(context, taken, report, context.held.byKey.get(each.key))
    return members.length === 0 ? each : { ...each, body: { ...each.body, hasMember: [...members] } }
  })
  const reasonlessNow = reasonless(context, reports, events)
  const left = leftByOriginal(context, taken)
  const originals = left.map((observation): Held => {
    const kind = doseKindOf(observation) ?? 'event'
    return { observation, id: observation.id ?? '', kind, uid: doseUidOf(observation, kind) }
  })
  const settled: Settled = {
    taken,
    written: new Set(wanted.map(({ key }) => key)),
    gone: new Set(reasonlessNow.map(({ id }) => id)),
  }
  const kept = (isOf: (observation: Observation) => boolean): ReadonlyArray<TransactionEntry> =>
    study === undefined ? [] : keptOf(context, study, reports, events, settled, isOf)
  const isUnknown = ({ report, facts, isVoid }: KnownReport): boolean =>
    report === undefined && facts === undefined && !isVoid
  return {
    mustBeRead:
      doses.lostCopies ||
      (doses.reports.size > 0 && !doses.isWhole && (context.held.originals.length > 0 || reports.some(isUnknown))),
    // What was emptied before follows its study first: once that has moved, nothing asks for it any more.
    withdrawn: [
      ...[...reasonlessNow, ...originals]
        .sort((left, right) => order[left.kind] - order[right.kind])
        .flatMap((each) => withdraw(context, each)),
      ...kept(isWithdrawn),
      ...followed(context, taken, left),
    ],
    isWrittenFirst: taken.size > 0,
    written:
      study === undefined
        ? []
        : [
            ...wanted.flatMap((each) => writeWanted(context, each, study, taken.get(each.key))),
            ...kept((observation) => !isWithdrawn(observation)),
          ],
  }
}

const order = { summary: 0, event: 1 } as const
