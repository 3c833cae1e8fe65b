import type { ObservationBody } from '../mapping/dose/observation'
import type { DoseReport } from '../mapping/dose/report'
import { doseUidOf } from '../mapping/dose/identity'
import { type ReportFacts, factsOf, isAnothersWord, isWithdrawn } from '../mapping/dose/standing'
import { type Held, type HeldDoses, type StudyDoses, doseKey } from './held-doses'
import { membersOf } from './observation-index'
import { type LiveReport, isNewer, supersededOf } from './superseded'

/** A live report, from the file in hand or from what its summary in FHIR says. */
export interface KnownReport extends LiveReport {
  readonly report: DoseReport | undefined
  readonly held: Held | undefined
}

/** What is to be written of an event: what its newest report says. */
export interface LiveEvent {
  readonly uid: string
  /** None when its newest report is not in hand: then it stays as it is. */
  readonly body: ObservationBody | undefined
  /** By the flags of its newest report, where they are known. */
  readonly status: ReportFacts['status'] | undefined
}

const eventUids = ({ events }: DoseReport): ReadonlySet<string> =>
  new Set(events.map((event) => doseUidOf(event, 'event')))

/** The live reports of a study: those in hand, and those that FHIR has a summary of. */
export const liveReports = (doses: StudyDoses, held: HeldDoses): ReadonlyArray<KnownReport> => {
  const { reports, live, settings } = doses
  const fromFiles = [...reports].map(([uid, report]): KnownReport => {
    const of = held.byKey.get(doseKey('summary', uid))
    const isVoid = of !== undefined && isAnothersWord(of.observation)
    return { uid, facts: report.facts, events: eventUids(report), isVoid, report, held: of }
  })
  const fromFhir = [...held.byKey.values()].flatMap((each): ReadonlyArray<KnownReport> => {
    const { kind, uid, observation } = each
    if (kind !== 'summary' || reports.has(uid) || !live.has(uid) || isWithdrawn(observation)) return []
    const members = membersOf(settings.fhirBase, observation).flatMap((id) => held.byId.get(id)?.uid ?? [])
    const [facts, isVoid] = [factsOf(observation), isAnothersWord(observation)]
    return [{ uid, facts, events: new Set(members), isVoid, report: undefined, held: each }]
  })
  return [...fromFiles, ...fromFhir]
}

/** The status of each report's summary; none where it stays as it is. */
export const statusesOf = (
  reports: ReadonlyArray<KnownReport>,
): ReadonlyMap<string, ReportFacts['status'] | undefined> => {
  const superseded = supersededOf(reports)
  return new Map(reports.map(({ uid, facts }) => [uid, superseded.has(uid) ? 'preliminary' : facts?.status]))
}

/** One an event UID, in the order of the reports: the same event in several is the same Observation. */
export const liveEvents = (reports: ReadonlyArray<KnownReport>, held: HeldDoses): ReadonlyArray<LiveEvent> => {
  const newest = new Map<string, KnownReport>()
  const inHand = new Map<string, KnownReport>()
  const replaces = (report: KnownReport, known: KnownReport | undefined): boolean =>
    known === undefined || (known.isVoid === report.isVoid ? isNewer(report, known) : known.isVoid)
  for (const report of reports) {
    for (const uid of report.events) {
      if (replaces(report, newest.get(uid))) newest.set(uid, report)
      if (report.report !== undefined && replaces(report, inHand.get(uid))) inHand.set(uid, report)
    }
  }
  const bodies = new Map<KnownReport, ReadonlyMap<string, ObservationBody>>()
  const bodyIn = (known: KnownReport | undefined, uid: string): ObservationBody | undefined => {
    if (known?.report === undefined) return undefined
    const all = bodies.get(known) ?? new Map(known.report.events.map((each) => [doseUidOf(each, 'event'), each]))
    bodies.set(known, all)
    return all.get(uid)
  }
  return [...newest].map(([uid, report]): LiveEvent => {
    const isHeld = held.byKey.has(doseKey('event', uid))
    const body = bodyIn(isHeld ? report : inHand.get(uid), uid)
    return { uid, body, status: report.facts?.status ?? body?.status }
  })
}
