import { describe, expect, it } from '@jest/globals'
import type { PlanLimits } from '../../../../lib/domain/batch/fold'
import { planEndpoint } from '../../../../lib/domain/batch/plan'
import { packUnits } from '../../../../lib/domain/batch/pack-units'
import { emptyUnit } from '../../../../lib/domain/batch/units'
import type { LiveRow } from '../../../../lib/domain/batch/judge'
import { createdReference } from '../../../../lib/domain/fhir/bundle'
import { ourMeta } from '../../../../lib/domain/fhir/provenance'
import { mapEndpoint } from '../../../../lib/domain/mapping/endpoint'
import { ctImage, type Values } from '../../../support/world/domain-dataset'
import { type EntryOptions, rowOf } from '../../../support/world/domain-feed'
import { ct } from '../../../support/world/domain-merge'
import { mrType, uidType } from '../../../support/world/domain-mapping'
import {
  endpoints,
  entriesOf,
  holding,
  person,
  planOf,
  requestsOf,
  resourcesOf,
  settings,
  studyOf,
} from '../../../support/world/domain-plan'
import { foreignPatient, foreignStudy, originalEndpoint } from '../../../support/world/domain-residents'
import { fhirBase, root } from '../../../support/world/domain-settings'

const row = (sequence: number, values: Values = {}, rest: EntryOptions = {}): LiveRow =>
  rowOf(settings, { sequence, values, ...rest })
const study = (sequence: number, uid: string, values: Values = {}): LiveRow =>
  row(sequence, { StudyInstanceUID: uid, SeriesInstanceUID: `${uid}.1`, SOPInstanceUID: `${uid}.1.1`, ...values })
const gone = (sequence: number): LiveRow => rowOf(settings, { sequence, action: 'delete' })
const rowsOf = (units: ReadonlyArray<{ readonly rows: ReadonlyArray<LiveRow> }>) => units.map(({ rows }) => rows)

describe('a new study of a new person', () => {
  const planned = planOf([row(1)])

  it('is one unit: both are created, on condition, and the study refers to the Patient inside the bundle', () => {
    expect(entriesOf(planned.units)).toEqual([
      {
        fullUrl: createdReference('Patient |P1'),
        resource: { resourceType: 'Patient', meta: ourMeta(root), identifier: [{ type: mrType, value: 'P1' }] },
        request: { method: 'POST', url: 'Patient', ifNoneExist: 'identifier=%7CP1' },
      },
      {
        fullUrl: createdReference('ImagingStudy Endpoint/e1 1.2.3'),
        resource: {
          resourceType: 'ImagingStudy',
          meta: ourMeta(root),
          identifier: [{ type: uidType, system: 'urn:dicom:uid', value: 'urn:oid:1.2.3' }],
          status: 'available',
          modality: [ct],
          subject: { reference: createdReference('Patient |P1') },
          endpoint: [{ reference: 'Endpoint/e1' }],
          numberOfSeries: 1,
          numberOfInstances: 1,
          series: [
            {
              uid: '1.2.3.1',
              modality: ct,
              numberOfInstances: 1,
              instance: [{ uid: '1.2.3.1.1', sopClass: { system: 'urn:ietf:rfc:3986', code: `urn:oid:${ctImage}` } }],
            },
          ],
        },
        request: {
          method: 'POST',
          url: 'ImagingStudy',
          ifNoneExist: 'identifier=urn%3Adicom%3Auid%7Curn%3Aoid%3A1.2.3&endpoint=Endpoint/e1',
        },
      },
    ])
  })

  it('gives the same bytes for the same rows', () => {
    expect(planOf([row(1)]).units.map(({ entries }) => entries)).toEqual(planned.units.map(({ entries }) => entries))
  })

  it('escapes an identifier for the search, then percent-encodes it', () => {
    const { units } = planOf([row(1, { PatientID: 'a|b,c $' })])
    expect(entriesOf(units)[0]?.request['ifNoneExist']).toBe('identifier=%7Ca%5C%7Cb%5C%2Cc%20%5C%24')
  })
})

describe('a study that FHIR holds', () => {
  const snapshot = holding({ patients: [person('1', 'P1')], studies: [studyOf('7', 'Patient/1')] })

  it('is not sent when nothing would change', () => {
    const rows = [row(1)]
    const planned = planOf(rows, { snapshot })
    expect([planned.units, planned.unchanged]).toEqual([[], rows])
  })

  it('is updated with the version it was read at, and without what the server sets', () => {
    const planned = planOf([row(1, { SOPInstanceUID: '1.2.3.1.2' })], { snapshot })
    expect(entriesOf(planned.units)).toEqual([
      {
        fullUrl: `${fhirBase}/ImagingStudy/7`,
        resource: expect.objectContaining({ id: '7', meta: ourMeta(root), numberOfInstances: 2 }),
        request: { method: 'PUT', url: 'ImagingStudy/7', ifMatch: 'W/"5"' },
      },
    ])
  })

  it('is deleted with its last image, under the version it was read at', () => {
    const planned = planOf([gone(1)], { snapshot })
    expect(entriesOf(planned.units)).toEqual([
      {
        fullUrl: `${fhirBase}/ImagingStudy/7`,
        request: { method: 'DELETE', url: 'ImagingStudy/7', ifMatch: 'W/"5"' },
      },
    ])
    expect(planned.units[0]?.deletes).toEqual([['ImagingStudy/7']])
  })

  it('is kept without series when the server refuses its deletion', () => {
    const planned = planOf([gone(1)], { snapshot, keep: new Set(['ImagingStudy/7']) })
    expect(requestsOf(planned.units)).toEqual(['PUT ImagingStudy/7'])
    expect(resourcesOf(planned.units, 'ImagingStudy')[0]).toMatchObject({ status: 'cancelled', numberOfSeries: 0 })
  })

  it('stays when something absent is deleted', () => {
    const rows = [rowOf(settings, { sequence: 1, action: 'delete', values: { SOPInstanceUID: '1.2.3.1.9' } })]
    const planned = planOf(rows, { snapshot })
    expect([planned.units, planned.unchanged]).toEqual([[], rows])
  })

  it('may be unknown: a delete of it is settled without a write', () => {
    const rows = [gone(1)]
    expect(planOf(rows)).toMatchObject({ units: [], unchanged: rows, recorded: [] })
  })
})

describe('partitions', () => {
  const twins = [row(1), row(2, {}, { partition: 'research' })]

  it('make two studies of one StudyInstanceUID, told apart by the Endpoint, of one Patient', () => {
    const planned = planOf(twins)
    expect(requestsOf(planned.units)).toEqual(['POST Patient', 'POST ImagingStudy', 'POST ImagingStudy'])
    expect(
      resourcesOf(planned.units, 'ImagingStudy').map(({ endpoint, meta }) => [endpoint?.[0]?.reference, meta?.source]),
    ).toEqual([
      ['Endpoint/e1', root],
      ['Endpoint/e2', `${root}/partitions/research`],
    ])
  })

  it('find each its own', () => {
    const studies = [
      studyOf('7', 'Patient/1'),
      studyOf('8', 'Patient/1', {
        endpoint: [{ reference: 'Endpoint/e2' }],
        meta: ourMeta(`${root}/partitions/research`),
      }),
    ]
    const planned = planOf(twins, { snapshot: holding({ patients: [person('1', 'P1')], studies }) })
    expect([planned.units, planned.unchanged]).toEqual([[], twins])
  })

  it('never write one study of somebody else twice: the first partition adopts it, the other makes its own', () => {
    const at = (sequence: number, partition: string) =>
      row(sequence, { StudyInstanceUID: '1.2.2', PatientID: 'P2' }, { partition })
    const snapshot = holding({ patients: [foreignPatient], studies: [foreignStudy] })
    const planned = planOf([at(1, 'research'), at(2, 'Microsoft.Default')], { snapshot })
    expect(requestsOf(planned.units)).toEqual(['PUT Patient/904', 'PUT ImagingStudy/905', 'POST ImagingStudy'])
  })
})

describe('groups', () => {
  it('are the studies that share a Patient; others are units of their own', () => {
    const rows = [study(1, '1.1'), study(2, '1.2', { PatientID: 'P2' }), study(3, '1.3')]
    expect(rowsOf(planOf(rows).units)).toEqual([[rows[0], rows[2]], [rows[1]]])
  })

  it('are parted into studies when their Patients are as they should be', () => {
    const rows = [study(1, '1.1'), study(2, '1.3')]
    const planned = planOf(rows, { snapshot: holding({ patients: [person('1', 'P1')] }) })
    expect(rowsOf(planned.units)).toEqual([[rows[0]], [rows[1]]])
  })

  it('are joined by one that moves between their Patients', () => {
    const moved = study(3, '1.1', { PatientID: 'P2' })
    const reading = { 'Microsoft.Default/1.1': [{ ...moved, sequence: 0 }] }
    const rows = [study(1, '1.1', { SOPInstanceUID: '1.1.1.9' }), study(2, '1.2', { PatientID: 'P2' }), moved]
    expect(rowsOf(planOf(rows, { reading }).units)).toEqual([[rows[0], moved, rows[1]]])
  })
})

describe('a group over a limit', () => {
  const rows = [study(1, '1.1'), study(2, '1.2'), study(3, '1.3', { PatientID: 'P2' })]
  const limits: PlanLimits = { entries: 2, bytes: 1_000_000 }

  it('sends its Patients first, alone, and defers the rows that need them', () => {
    const { units } = planOf(rows, { limits })
    expect(units.map(({ rows: own, deferred }) => [own, deferred])).toEqual([
      [[], [rows[0], rows[1]]],
      [[rows[2]], []],
    ])
    expect(requestsOf(units)).toEqual(['POST Patient', 'POST Patient', 'POST ImagingStudy'])
  })

  it('counts bytes as well', () => {
    const { units } = planOf(rows.slice(0, 2), { limits: { entries: 100, bytes: 1_000 } })
    expect(requestsOf(units)).toEqual(['POST Patient'])
  })

  it('goes on study by study when its Patients are there', () => {
    const snapshot = holding({ patients: [person('1', 'P1')] })
    const { units } = planOf(rows.slice(0, 2), { limits: { entries: 1, bytes: 1 }, snapshot })
    expect([rowsOf(units), requestsOf(units)]).toEqual([
      [[rows[0]], [rows[1]]],
      ['POST ImagingStudy', 'POST ImagingStudy'],
    ])
  })

  it('counts no deferred row as unchanged', () => {
    expect(planOf(rows, { limits }).unchanged).toEqual([])
  })
})

describe('Patients alone', () => {
  it('writes the Patients, and nothing that needs them', () => {
    const rows = [row(1)]
    const { units } = planOf(rows, { patientsAlone: true })
    expect([requestsOf(units), rowsOf(units), units[0]?.deferred]).toEqual([['POST Patient'], [[]], rows])
  })
})

describe('packUnits', () => {
  const [one = undefined] = planOf([study(1, '1.1')], { snapshot: holding({ patients: [person('1', 'P1')] }) }).units
  const unit = one ?? emptyUnit
  const bytes = unit.entries.reduce((total, each) => total + each.bytes + 1, 0)
  const sizes = (count: number, limits: PlanLimits) =>
    packUnits(
      Array.from({ length: count }, () => unit),
      limits,
    ).map(({ length }) => length)

  it('puts whole units together up to the limit of entries', () => {
    expect(sizes(5, { entries: 2, bytes: 1_000_000 })).toEqual([2, 2, 1])
  })

  it('puts whole units together up to the limit of bytes', () => {
    expect(sizes(5, { entries: 100, bytes: bytes * 3 })).toEqual([3, 2])
  })

  it('leaves a unit over a limit alone: only the server may refuse it', () => {
    expect(sizes(2, { entries: 100, bytes: 10 })).toEqual([1, 1])
  })

  it('makes nothing of nothing', () => {
    expect(sizes(0, { entries: 1, bytes: 1 })).toEqual([])
  })
})

describe('the Endpoint of a partition', () => {
  const plan = (each: ReadonlyArray<typeof originalEndpoint>, partition = 'Microsoft.Default') => {
    const entry = planEndpoint(settings, holding({ endpoints: each }), partition)
    return entry === undefined ? undefined : (JSON.parse(entry.text) as unknown)
  }

  it('is created, on condition that none has its address as identifier', () => {
    expect(plan([], 'research')).toMatchObject({
      resource: mapEndpoint(settings.dicom, 'research'),
      request: {
        method: 'POST',
        url: 'Endpoint',
        ifNoneExist: `identifier=${encodeURIComponent(`urn:ietf:rfc:3986|${root}/v2/partitions/research`)}`,
      },
    })
  })

  it('is left alone when it stands as it should', () => {
    expect([plan(endpoints), plan(endpoints, 'research')]).toEqual([undefined, undefined])
  })

  it("gets our identifier when it is the original's, which refuses every entry when name or address change", () => {
    const existing = { ...originalEndpoint, meta: { versionId: '4' } }
    const { meta: _meta, ...wanted } = mapEndpoint(settings.dicom, 'Microsoft.Default')
    expect(plan([existing])).toEqual({
      fullUrl: `${fhirBase}/Endpoint/901`,
      resource: { ...wanted, id: '901', name: originalEndpoint.name, address: originalEndpoint.address },
      request: { method: 'PUT', url: 'Endpoint/901', ifMatch: 'W/"4"' },
    })
  })

  it("is an administrator's as it stands, where there is no other", () => {
    const theirs = { ...originalEndpoint, id: '7', name: 'Main PACS', status: 'suspended' as const }
    expect([plan([theirs]), plan([theirs, ...endpoints])]).toEqual([undefined, undefined])
  })
})

describe('a batch of a thousand rows', () => {
  it('is planned in one go, whether of one study or of a thousand studies of one person', () => {
    const images = Array.from({ length: 1_000 }, (_, n) => row(n + 1, { SOPInstanceUID: `1.2.3.1.${n + 1}` }))
    const studies = Array.from({ length: 1_000 }, (_, n) => study(n + 1, `1.2.${n + 1}`))
    expect(requestsOf(planOf(images).units)).toEqual(['POST Patient', 'POST ImagingStudy'])
    expect(planOf(studies, { limits: { entries: 5_000, bytes: 10_000_000 } }).units[0]?.entries.length).toBe(1_001)
  })
})
