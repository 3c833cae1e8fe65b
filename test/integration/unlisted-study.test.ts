import { randomUUID } from 'node:crypto'
import { expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import type { OperatorPorts } from '../../lib/app/ports-operator'
import { verifyStudies } from '../../lib/app/operate/verify'
import { castSettings } from '../../lib/composition/cast-settings'
import { connect } from '../../lib/composition/connect'
import { readSettings } from '../../lib/config/read-settings'
import { created, updated } from '../support/world/cast-images'
import { useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

/** A list whose pages were shifted past a study. */
const without = (uid: string, { studyIndex, ...ports }: OperatorPorts): OperatorPorts => ({
  ...ports,
  studyIndex: {
    ...studyIndex,
    studies: (...given) =>
      TE.map((uids: ReadonlyArray<string>) => uids.filter((each) => each !== uid))(studyIndex.studies(...given)),
  },
})

it('a study that the list of the archive did not give is compared all the same, when FHIR holds it', async () => {
  const world = await newWorld()
  world.dicom.control.append(...[1, 2, 3].map((number) => created({ study: `1.2.${number}` })))
  await world.cast()
  const described = { '00081030': { vr: 'LO', Value: ['another'] } }
  world.dicom.control.append(updated({ study: '1.2.2', elements: described }))
  const settings = readSettings(world.environment())
  if (E.isLeft(settings)) throw new Error(settings.left.join())
  const [log, runId] = [() => undefined, randomUUID()]
  const ports = without('1.2.2', connect(settings.right, { log, runId, until: Infinity }))
  const options = { runId, budgetMs: Infinity, stopping: () => false }
  const compared: Record<string, unknown> = {}
  const ended = await verifyStudies(ports, castSettings(settings.right, 0), options, {
    ...{ scope: { _tag: 'All' }, from: undefined },
    onStudy: (found) => {
      if (found._tag === 'Compared') compared[found.report.study] = found.report.inStep
      return Promise.resolve(true)
    },
  })
  expect([ended, compared]).toEqual([E.right('Done'), { '1.2.1': true, '1.2.2': false, '1.2.3': true }])
})
