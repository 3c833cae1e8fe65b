import type { ReportFacts } from '../mapping/dose/standing'

/** A live report of a study. */
export interface LiveReport {
  /** SOPInstanceUID. */
  readonly uid: string
  /** None where it is not known: then it supersedes nothing, and is superseded by nothing. */
  readonly facts: ReportFacts | undefined
  /** UIDs of the events that it lists. */
  readonly events: ReadonlySet<string>
  /** Somebody else has said that it does not count. */
  readonly isVoid: boolean
}

/** By content date and time, then by SOPInstanceUID; undated is oldest. */
export const isNewer = (left: LiveReport, right: LiveReport): boolean => {
  const [a, b] = [left.facts?.content ?? '', right.facts?.content ?? '']
  return a === b ? left.uid > right.uid : a > b
}

/**
 * SOPInstanceUIDs of the reports of one study that a newer one of the same kind has taken over: it lists all their
 * events, one at least. To be counted together they would be counted twice. A function of what is live, in any order.
 */
export const supersededOf = (reports: ReadonlyArray<LiveReport>): ReadonlySet<string> => {
  const listing = new Map<string, Array<LiveReport>>()
  for (const report of reports) {
    if (report.isVoid) continue
    for (const event of report.events) {
      const known = listing.get(event)
      if (known === undefined) listing.set(event, [report])
      else known.push(report)
    }
  }
  const isSuperseded = (report: LiveReport): boolean => {
    const [first] = report.events
    return (listing.get(first ?? '') ?? []).some(
      (other) =>
        other.facts !== undefined &&
        other.facts.kind === report.facts?.kind &&
        isNewer(other, report) &&
        [...report.events].every((event) => other.events.has(event)),
    )
  }
  return new Set(reports.filter(isSuperseded).map(({ uid }) => uid))
}
