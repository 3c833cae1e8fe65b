import { expect, it, jest } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as TE from 'fp-ts/TaskEither'
import type { Ports } from '../../../../lib/app/ports'
import type { OperatorPorts } from '../../../../lib/app/ports-operator'
import { verifyStudy } from '../../../../lib/app/operate/resync'
import { type FailIndex, idOf } from '../../../../lib/app/run/fail-index'
import { feedReader } from '../../../support/world/feed-reader'

const keyOf = (study: number) => ({ partition: 'p', studyInstanceUid: `1.2.${study}` })

const { run } = feedReader({ rows: [] })
const { ports } = run
/** One image a study, which names nobody; FHIR holds nothing. */
const dicom: Pick<Ports['dicom'], 'study'> = {
  study: (_partition, study) =>
    TE.right([
      {
        '00080018': { vr: 'UI', Value: ['1.4'] },
        '0020000D': { vr: 'UI', Value: [study] },
        '0020000E': { vr: 'UI', Value: ['1.3'] },
      },
    ]),
}
const fhir: Pick<Ports['fhir'], 'search'> = { search: (searches) => TE.right(searches.map(() => [])) }
Object.assign(ports, { dicom, fhir })

it('who goes from study to study reads the fail rows of each, and not all rows for each', async () => {
  const studies = Array.from({ length: 300 }, (_, index) => index)
  const rows = studies.map((study) => ({
    ...{ ...keyOf(study), seriesInstanceUid: '1.3', sopInstanceUid: '1.4', sequence: study + 1, etag: 'e' },
    ...({ table: 'DicomFailToStoreExceptionTable', code: 'TagsRejected' } as const),
  }))
  // The last one has no row.
  const index: FailIndex = { rows: new Map(rows.slice(0, -1).map((row) => [idOf(row), row])) }
  const walks = ['values', 'entries', 'keys', Symbol.iterator] as const
  const spies = walks.map((walk) => jest.spyOn(index.rows, walk as 'values'))
  const unrecorded: Array<number> = []
  for (const study of studies) {
    const report = await verifyStudy(run, ports as unknown as OperatorPorts, keyOf(study), index)
    if (E.isRight(report)) unrecorded.push(report.right?.unrecorded ?? NaN)
  }
  expect(unrecorded).toEqual(studies.map((study) => (study === 299 ? 1 : 0)))
  expect(spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0)).toBeLessThanOrEqual(2)
})
