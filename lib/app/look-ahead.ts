import * as E from 'fp-ts/Either'
import type { LiveRow, UpsertRow } from '../domain/batch/judge'
import { type Plan, plan } from '../domain/batch/plan'
import type { Snapshot } from '../domain/batch/snapshot'
import type { ServiceError } from '../domain/cast-error'
import { studyKeyText } from '../domain/dicom/change-feed-entry'
import type { Run } from './context'
import { loadSnapshot } from './load-snapshot'
import { readStudy } from './read-study'

export interface Ahead {
  readonly plan: Plan
  readonly snapshot: Snapshot
}

/** What casting these rows would do now: as cast-batch prepares it, without a position and without a write. */
export const lookAhead = async (run: Run, rows: ReadonlyArray<LiveRow>): Promise<E.Either<ServiceError, Ahead>> => {
  const { settings } = run
  const limits = { entries: settings.maxBundleEntries - 1, bytes: settings.maxBundleBytes - 2_000 }
  const readings = new Map<string, ReadonlyArray<UpsertRow>>()
  for (;;) {
    const snapshot = await loadSnapshot(run, rows, [...readings.values()].flat())
    if (E.isLeft(snapshot)) return snapshot
    const planned = plan({
      ...{ settings, limits, snapshot: snapshot.right, readings, rows },
      ...{ keep: new Set<string>(), patientsAlone: false, rowsAlone: false },
    })
    if (planned.doubts.length === 0) return E.right({ plan: planned, snapshot: snapshot.right })
    for (const study of planned.doubts) {
      const live = await readStudy(run, study, snapshot.right, rows)
      if (E.isLeft(live)) return live
      readings.set(studyKeyText(study), live.right)
    }
  }
}
