import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from '@jest/globals'
import { inSteps } from '../../../../lib/app/cast/prepare'
import type { LiveRow } from '../../../../lib/domain/batch/judge'
import { type Plan, plan, planSteps } from '../../../../lib/domain/batch/plan'
import { leastLongestTurn } from '../../../support/assert/longest-turn'
import { noLimits } from '../../../support/world/domain-cast'
import { rowOf } from '../../../support/world/domain-feed'
import { holding, settings } from '../../../support/world/domain-plan'

const clock = { sleep: async (ms: number) => void (await sleep(ms)) }

/** Studies of a hundred images, each of a patient of its own. */
const rowsOf = (count: number): ReadonlyArray<LiveRow> =>
  Array.from({ length: count }, (_, index) => {
    const study = `1.2.${Math.floor(index / 100)}`
    const uids = {
      StudyInstanceUID: study,
      SeriesInstanceUID: `${study}.1`,
      SOPInstanceUID: `${study}.1.${index % 100}`,
    }
    return rowOf(settings, { sequence: index + 1, values: { ...uids, PatientID: `P${study}` } })
  })

const inputOf = (rows: ReadonlyArray<LiveRow>) => ({
  ...{ settings, limits: noLimits, snapshot: holding(), readings: new Map(), keep: new Set<string>() },
  ...{ patientsAlone: false, rows },
})

const planned = (rows: ReadonlyArray<LiveRow>) => async () => inSteps(clock, planSteps(inputOf(rows)))

it('a batch of ten times the rows keeps the event loop no longer at once', async () => {
  const [few, many] = [planned(rowsOf(1_000)), planned(rowsOf(10_000))]
  // What is not compiled yet is slow.
  await few()
  expect((await leastLongestTurn(many)) / (await leastLongestTurn(few))).toBeLessThan(4)
}, 120_000)

it('a batch that is planned in steps is planned as at once', async () => {
  const rows = rowsOf(2_500)
  const entries = ({ units }: Plan) => units.flatMap((unit) => unit.entries.map(({ text }) => text))
  expect(entries(await inSteps(clock, planSteps(inputOf(rows))))).toEqual(entries(plan(inputOf(rows))))
})
