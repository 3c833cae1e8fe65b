import type { PlanLimits } from './fold'
import { type Unit, bytesOf } from './units'

/** Packs whole units into bundles, in order. A unit over a limit stands alone: only the server may refuse it. */
export const packUnits = (units: ReadonlyArray<Unit>, limits: PlanLimits): ReadonlyArray<ReadonlyArray<Unit>> => {
  const bundles: Array<Array<Unit>> = []
  let [entries, bytes] = [0, 0]
  for (const unit of units) {
    const size = bytesOf(unit.entries)
    const last = bundles.at(-1)
    const isAlone = unit.isAlone === true || last?.[0]?.isAlone === true
    if (
      last !== undefined &&
      !isAlone &&
      entries + unit.entries.length <= limits.entries &&
      bytes + size <= limits.bytes
    ) {
      last.push(unit)
      entries += unit.entries.length
      bytes += size
    } else {
      bundles.push([unit])
      ;[entries, bytes] = [unit.entries.length, size]
    }
  }
  return bundles
}
