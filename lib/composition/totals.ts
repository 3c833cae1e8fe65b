import * as E from 'fp-ts/Either'
import type { Meter } from '../adapters/http/http'
import { type Totals, type TotalsStore, sumOf } from '../app/ports-totals'
import type { RunSummary } from '../app/run/summary'

/** What one cast adds to the totals of all. */
export const totalsOf = (
  summary: Omit<RunSummary, 'reason' | 'stood'>,
  { outcomes, fhirBytesSent }: Pick<Meter, 'outcomes' | 'fhirBytesSent'>,
): Totals => {
  const { ended, stored, unchanged, superseded, skipped, recorded, failed, codes, retries, durationMs } = summary
  const each = (what: string, counts: Readonly<Partial<Record<string, number>>>): ReadonlyArray<[string, number]> =>
    Object.entries(counts).map(([name, count = 0]) => [`${what}.${name}`, count])
  const all: ReadonlyArray<readonly [string, number]> = [
    ...each('runs', { [ended]: 1 }),
    ...each('entries', { stored, unchanged, superseded, skipped, recorded }),
    ...each('failed', failed),
    ...each('codes', codes),
    ...Object.entries(outcomes).flatMap(([service, counts]) => each(`requests.${service}`, counts)),
    ['retries', retries],
    ['fhirBytes', fhirBytesSent],
    ['runMs', Math.round(durationMs)],
  ]
  return Object.fromEntries(all.filter(([, count]) => count > 0))
}

interface Pending {
  readonly totals: Totals
  /** ms. */
  readonly since: number
}

/** An idle tick pays nothing for being counted: it waits for one that does something, or so long. */
const idleKeptMs = 15 * 60_000

const pending = new WeakMap<TotalsStore, Pending>()

/** Adds to what storage keeps. It fails nothing: what could not be added waits for the next run of this process. */
export const keepTotals = async (
  store: TotalsStore,
  more: Totals,
  { now, isIdle }: { readonly now: number; readonly isIdle: boolean },
): Promise<void> => {
  const before = pending.get(store) ?? { totals: {}, since: now }
  const totals = sumOf(before.totals, more)
  if (isIdle && now - before.since < idleKeptMs) return void pending.set(store, { ...before, totals })
  pending.delete(store)
  if (E.isRight(await store.add(totals)())) return
  const meanwhile = pending.get(store)
  pending.set(store, { totals: sumOf(totals, meanwhile?.totals ?? {}), since: now })
}
