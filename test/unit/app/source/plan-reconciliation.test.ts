import { expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { Run } from '../../../../lib/app/context'
import { type ReconcilePlan, planReconciliation } from '../../../../lib/app/source/plan-reconciliation'
import type { SourcePorts } from '../../../../lib/app/source/source-ports'
import { endpoints } from '../../../support/world/domain-plan'
import { settingsOf } from '../../../support/world/domain-settings'

const settings = { fullDays: 30, maxGone: 50 }
const { root, formerRoots } = settingsOf().dicom

/** FHIR holds so many, and the archive has these of them; all of them were seen. */
const planOf = async (
  held: number,
  kept: number,
  more: Partial<Parameters<typeof planReconciliation>[2]> = {},
): Promise<{ readonly plan: ReconcilePlan; readonly asked: number }> => {
  let asked = 0
  const uids = Array.from({ length: held }, (_, index) => `1.2.${index + 1}`)
  const listed = uids.slice(held - kept).map((uid) => ({ id: uid, studyInstanceUid: uid, state: 'a' }))
  const run = {
    settings: settingsOf(),
    stopping: () => true,
    ports: {
      clock: { now: () => 0 },
      names: { read: () => TE.right(O.some({ feedId: 'f', root, formerRoots })) },
      errors: { failRows: () => TE.right([]) },
      fhir: { search: () => TE.right([endpoints]) },
    },
  } as unknown as Run
  const ports = {
    source: {
      ...{ kind: 'dicomweb', pageSize: 100_000, countsAtOnce: 0, totals: () => TE.right(O.none) },
      list: (offset: number) => TE.right(listed.slice(offset)),
    },
    seen: {
      all: () => TE.right(uids.map((uid) => ({ studyInstanceUid: uid, state: 'a', instances: 1, readAt: 0 }))),
    },
    heldStudies: { page: () => TE.right({ studies: uids }) },
    studyIndex: {
      has: () => {
        asked += 1
        return TE.right(false)
      },
    },
  } as unknown as SourcePorts
  const plan = await planReconciliation(run, ports, { ...settings, ...more })
  if (E.isLeft(plan)) throw new Error(JSON.stringify(plan.left))
  return { plan: plan.right, asked }
}

it('an archive that is gone is not asked for each study that it had: a thousand too many are enough', async () => {
  const { plan, asked } = await planOf(300_000, 100)
  expect(plan).toMatchObject({ tooManyGone: 1_051, hasMoreGone: true, gone: [] })
  expect(asked).toBe(1_051)
})

it('a few too many are counted', async () => {
  const { plan, asked } = await planOf(500, 100)
  expect(plan).toMatchObject({ tooManyGone: 400, hasMoreGone: false, gone: [] })
  expect(asked).toBe(400)
})

it('whoever looks is told the number, and whoever confirms that one has all of them taken out', async () => {
  expect((await planOf(5_000, 100, { countsAll: true })).plan).toMatchObject({ tooManyGone: 4_900, hasMoreGone: false })
  // Of too small a number, too, all are counted.
  expect((await planOf(5_000, 100, { confirmed: 1_051 })).plan).toMatchObject({ tooManyGone: 4_900, gone: [] })
  const { plan } = await planOf(5_000, 100, { confirmed: 4_900 })
  expect([plan.gone.length, plan.tooManyGone]).toEqual([4_900, undefined])
})
