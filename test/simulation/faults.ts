import type { Random } from './random'

/**
 * Every kind of trouble: how likely a history has it at all, and how likely it strikes where it can. A history has
 * some kinds and not others: with all of them at once every run would end at its first request. `apart`: drawn from a
 * stream of its own, so that histories without it stay as they were.
 */
const kinds = {
  'feed: late row': { share: 0.5, rate: 0.3 },
  'feed: rolled-back identity': { share: 0.5, rate: 0.2 },
  'feed: identity jump': { share: 0.2, rate: 0.05 },
  'feed: delete': { share: 0.8, rate: 1 },
  'feed: bulk update': { share: 0.7, rate: 1 },
  'feed: move': { share: 0.6, rate: 1 },
  'feed: re-create': { share: 0.8, rate: 1 },
  'feed: stray': { share: 0.45, rate: 1 },
  'feed: partition twins': { share: 0.5, rate: 1 },
  'feed: straggler': { share: 0.3, rate: 1 },
  'feed: misfiled first': { share: 0.3, rate: 0.3 },
  'feed: mistyped update': { share: 0.25, rate: 1 },
  'feed: update to nobody': { share: 0.25, rate: 1 },
  'feed: UIDs change': { share: 0.3, rate: 1 },
  'feed: dose report': { share: 0.7, rate: 0.4 },
  'feed: twin report': { share: 0.6, rate: 1 },
  'feed: poison': { share: 0.3, rate: 0.08 },
  'feed: oversized': { share: 0.2, rate: 0.05 },
  'feed: failed request': { share: 0.4, rate: 0.03 },
  'feed: outage': { share: 0.25, rate: 1 },
  'feed: metadata outage': { share: 0.3, rate: 1 },
  'fhir: 429': { share: 0.4, rate: 0.05 },
  'fhir: 503': { share: 0.4, rate: 0.05 },
  'fhir: outage': { share: 0.25, rate: 1 },
  'fhir: writes down': { share: 0.25, rate: 1 },
  'fhir: lost answer': { share: 0.4, rate: 0.1 },
  'fhir: late commit': { share: 0.35, rate: 0.1 },
  'fhir: edited by another': { share: 0.4, rate: 0.08 },
  'fhir: deleted by another': { share: 0.35, rate: 0.12 },
  'fhir: created by another': { share: 0.35, rate: 0.15 },
  'fhir: refuses a deletion': { share: 0.6, rate: 0.7 },
  'fhir: compares loosely': { share: 0.2, rate: 1 },
  'fhir: rejects an instance': { share: 0.28, rate: 0.1 },
  'fhir: rejects a study': { share: 0.2, rate: 0.3 },
  'fhir: rejects a patient': { share: 0.18, rate: 0.4 },
  'fhir: rejects everything': { share: 0.14, rate: 1 },
  'fhir: fails for one body': { share: 0.23, rate: 0.05 },
  'tables: checkpoint fails': { share: 0.3, rate: 0.06 },
  'tables: checkpoint answer lost': { share: 0.3, rate: 0.06 },
  'tables: errors fail': { share: 0.4, rate: 0.1 },
  'tables: errors answer lost': { share: 0.4, rate: 0.1 },
  'lease: broken': { share: 0.3, rate: 1 },
  'lease: renewal fails': { share: 0.4, rate: 0.2 },
  'host: its clock is off': { share: 0.3, rate: 1 },
  'operator: replays': { share: 0.2, rate: 1 },
  'operator: resyncs': { share: 0.2, rate: 1 },
  'operator: verifies and repairs': { share: 0.2, rate: 1 },
  'operator: previews': { share: 0.15, rate: 1 },
  'operator: moves back': { share: 0.25, rate: 1 },
  'operator: moves forth and back': { share: 0.25, rate: 1 },
  'operator: renames': { share: 0.2, rate: 1 },
  'operator: catches up': { share: 0.15, rate: 1 },
  'run: overlap': { share: 0.4, rate: 1 },
  'run: pause': { share: 0.4, rate: 0.006 },
  'run: crash': { share: 0.5, rate: 0.006 },
  'operator: accepts': { share: 0.97, rate: 1 },
  'feed: misfiled is set right': { share: 0.6, rate: 1 },
  'feed: slow page': { share: 0.2, rate: 0.1 },
  'feed: waits for its number': { share: 0.2, rate: 0.2 },
  'feed: imported prior': { share: 0.3, rate: 1 },
  'fhir: creates are no lock': { share: 0.2, rate: 0.3 },
  'fhir: a second Patient': { share: 0.2, rate: 0.3 },
  'fhir: a study of another system': { share: 0.2, rate: 0.6 },
  'tables: checkpoint unreadable': { share: 0.15, rate: 1 },
  'fhir: its owner renames a Patient': { share: 0.35, rate: 0.3, apart: true },
  'feed: rejection note': { share: 0.4, rate: 1, apart: true },
  'feed: note for quality': { share: 0.6, rate: 1, apart: true },
  'feed: note is corrected': { share: 0.6, rate: 1, apart: true },
  'feed: note goes': { share: 0.7, rate: 1, apart: true },
  'feed: only events wake': { share: 0.3, rate: 1, apart: true },
  'fhir: offers no Basic': { share: 0.5, rate: 1, apart: true },
  'fhir: tells no version of what it wrote': { share: 0.2, rate: 0.5, apart: true },
  'original: its account': { share: 0.85, rate: 1, apart: true },
  'original: by issuers': { share: 0.35, rate: 1, apart: true },
  'original: was restarted': { share: 0.95, rate: 0.9, apart: true },
  'original: refused an entry': { share: 0.8, rate: 0.25, apart: true },
  'operator: finishes the take-over': { share: 0.5, rate: 1, apart: true },
  'operator: backfills': { share: 0.27, rate: 1, apart: true },
  'operator: cancels a backfill': { share: 0.7, rate: 1, apart: true },
  'queue: message twice': { share: 0.95, rate: 0.4, apart: true },
  'queue: message late': { share: 0.95, rate: 0.3, apart: true },
  'dicom: forbids a study': { share: 0.5, rate: 1, apart: true },
} as const satisfies Record<string, { share: number; rate: number; apart?: true }>

export type FaultKind = keyof typeof kinds
export const faultKinds = Object.keys(kinds) as ReadonlyArray<FaultKind>

/** Troubles that are worse when they meet. */
export const pairs = [
  'pause × Delete',
  'lost answer × create',
  'hole × Update',
  'hole × move',
  'split × crash',
  'partition twins × create',
  'outage × poison',
  'report × delete',
  'report × move',
  'twin UID × delete',
  'straggler × update',
  'operator × hole',
  'loose server × create',
  'note × delete',
  'note × update',
  'note × replay',
  'note × operator',
  'worker sleeps × Delete',
] as const
export type Pair = (typeof pairs)[number]

export interface Faults {
  readonly has: (kind: FaultKind) => boolean
  /** Draws: does it strike here? Counts it when it does. `times`: more likely than elsewhere. */
  readonly strikes: (kind: FaultKind, times?: number) => boolean
  readonly hit: (kind: FaultKind) => void
  readonly meet: (pair: Pair) => void
  readonly begin: (kind: FaultKind) => void
  readonly end: (kind: FaultKind) => void
  /** An outage that is going on. */
  readonly isOn: (kind: FaultKind) => boolean
  /** From here on everything works; what is wrong with single entries stays wrong. */
  readonly quiet: () => void
  readonly isQuiet: () => boolean
  readonly hits: () => ReadonlySet<FaultKind>
  readonly met: () => ReadonlyMap<Pair, number>
}

export const drawFaults = (random: Random, only?: ReadonlySet<FaultKind>, without?: ReadonlySet<FaultKind>): Faults => {
  const drawn = new Map(
    faultKinds.map((kind) => {
      const from = 'apart' in kinds[kind] ? random.fork(kind) : random
      return [kind, from.chance(kinds[kind].share)]
    }),
  )
  const has = (kind: FaultKind): boolean =>
    without?.has(kind) !== true && (only === undefined ? drawn.get(kind) === true : only.has(kind))
  const hits = new Set<FaultKind>()
  const met = new Map<Pair, number>()
  const on = new Set<FaultKind>()
  let quiet = false
  return {
    has,
    strikes: (kind, times = 1) => {
      if (quiet || !has(kind) || !random.chance(kinds[kind].rate * times)) return false
      hits.add(kind)
      return true
    },
    hit: (kind) => void hits.add(kind),
    meet: (pair) => void met.set(pair, (met.get(pair) ?? 0) + 1),
    begin: (kind) => {
      if (!quiet) on.add(kind)
    },
    end: (kind) => void on.delete(kind),
    isOn: (kind) => {
      if (!on.has(kind)) return false
      hits.add(kind)
      return true
    },
    quiet: () => {
      quiet = true
      on.clear()
    },
    isQuiet: () => quiet,
    hits: () => hits,
    met: () => met,
  }
}
