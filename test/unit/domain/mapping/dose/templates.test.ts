import { describe, expect, it } from '@jest/globals'
import { writtenNumber } from '../../../../../lib/domain/json'
import {
  clean,
  eventOf,
  inDcm,
  inSct,
  measuredAs,
  summaryOf,
  valueIn,
} from '../../../../support/assert/dose-observations'
import {
  accumulated,
  administration,
  ctAcquisition,
  ctContent,
  plane,
  procedure,
  xRayEvent,
} from '../../../../support/world/dose-samples'
import {
  coded,
  dateTime,
  dcm,
  element,
  inSrt,
  modifier,
  num,
  report,
  sct,
  sopClasses,
  text,
  ucum,
} from '../../../../support/world/dose-sr'

describe('a CT report (TID 10011)', () => {
  const chest = valueIn('SCT', '816094009', 'Chest')
  const phantom = {
    code: inDcm('113835', 'CTDIw Phantom Type'),
    valueCodeableConcept: valueIn('DCM', '113691', 'IEC Body Dosimetry Phantom'),
  }

  it('becomes a summary and one event an acquisition', () => {
    const content = ctContent(
      ctAcquisition('1.2.3.7.1', 1.25, 157.07),
      ctAcquisition('1.2.3.7.2', '2.250 ', '46.05', dateTime(dcm('111526'), '20260302080430')),
    )
    expect(clean(report({ content, elements: { '00080050': element('SH', 'A77') } }))).toEqual({
      summary: summaryOf({
        basedOn: [
          {
            type: 'ServiceRequest',
            identifier: {
              type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'ACSN' }] },
              value: 'A77',
            },
          },
        ],
        effectiveDateTime: '2026-03-02T08:01:02.5+01:00',
        valueString:
          'CT radiation dose: CT Dose Length Product Total 203.12 mGy.cm; Total Number of Irradiation Events 2',
        device: { display: 'CT01' },
        component: [
          {
            code: inDcm('121058', 'Procedure reported'),
            valueCodeableConcept: valueIn('SCT', '77477000', 'Computed Tomography X-Ray'),
          },
          measuredAs(inDcm('113813', 'CT Dose Length Product Total'), 203.12, 'mGy.cm'),
          { code: inDcm('113812', 'Total Number of Irradiation Events'), valueInteger: 2 },
        ],
      }),
      events: [
        eventOf('1.2.3.7.1', {
          bodySite: chest,
          component: [
            measuredAs(inDcm('113830', 'Mean CTDIvol'), 1.25, 'mGy'),
            measuredAs(inDcm('113838', 'DLP'), 157.07, 'mGy.cm'),
            phantom,
          ],
        }),
        eventOf('1.2.3.7.2', {
          effectiveDateTime: '2026-03-02T08:04:30+01:00',
          bodySite: chest,
          component: [
            measuredAs(inDcm('113830', 'Mean CTDIvol'), writtenNumber('2.250') as number, 'mGy'),
            measuredAs(inDcm('113838', 'DLP'), 46.05, 'mGy.cm'),
            phantom,
          ],
        }),
      ],
    })
  })

  it('takes the dose of an acquisition from its CT Dose container alone', () => {
    const outside = num(dcm('113838'), 999, ucum('mGy.cm'))
    const { events } = clean(report({ content: ctContent(ctAcquisition('1.2.3.7.1', 1, 2, outside)) }))
    expect(events[0]?.component?.map(({ valueQuantity }) => valueQuantity?.value)).toEqual([1, 2, undefined])
  })
})

describe('a projection report (TID 10001)', () => {
  const projection = procedure(['113704', 'DCM', 'Projection X-Ray'])
  const reported = {
    code: inDcm('121058', 'Procedure reported'),
    valueCodeableConcept: valueIn('DCM', '113704', 'Projection X-Ray'),
  }

  it('becomes a summary of accumulated doses and its events', () => {
    const doses = [
      num(dcm('113722'), 0.00231, ucum('Gy.m2')),
      num(dcm('113725'), 0.212, ucum('Gy')),
      num(dcm('113726'), 0.001, ucum('Gy.m2')),
      num(dcm('113730'), 450, ucum('s')),
      num(dcm('113727'), 0.00131, ucum('Gy.m2')),
      num(dcm('113731'), 12, ucum('1')),
    ]
    const event = xRayEvent(
      '1.2.3.7.1',
      '20260302080102',
      plane('113622'),
      coded(dcm('123014'), sct('69536005', 'Head')),
      num(dcm('122130'), 0.0001, ucum('Gy.m2')),
      num(dcm('113738'), 0.01, ucum('Gy')),
    )
    const content = [projection, accumulated(plane('113622'), ...doses), event]
    expect(clean(report({ content }))).toEqual({
      summary: summaryOf({
        effectiveDateTime: '2026-03-02T08:01:02+01:00',
        valueString: [
          'X-ray radiation dose: Dose (RP) Total 0.212 Gy',
          'Dose Area Product Total 0.00231 Gy.m2',
          'Fluoro Dose Area Product Total 0.001 Gy.m2',
          'Acquisition Dose Area Product Total 0.00131 Gy.m2',
          'Total Fluoro Time 450 s',
          'Total Number of Radiographic Frames 12',
        ].join('; '),
        component: [
          reported,
          measuredAs(inDcm('113725', 'Dose (RP) Total'), 0.212, 'Gy'),
          measuredAs(inDcm('113722', 'Dose Area Product Total'), 0.00231, 'Gy.m2'),
          measuredAs(inDcm('113726', 'Fluoro Dose Area Product Total'), 0.001, 'Gy.m2'),
          measuredAs(inDcm('113727', 'Acquisition Dose Area Product Total'), 0.00131, 'Gy.m2'),
          measuredAs(inDcm('113730', 'Total Fluoro Time'), 450, 's'),
          { code: inDcm('113731', 'Total Number of Radiographic Frames'), valueInteger: 12 },
        ],
      }),
      events: [
        eventOf('1.2.3.7.1', {
          effectiveDateTime: '2026-03-02T08:01:02+01:00',
          bodySite: valueIn('SCT', '69536005', 'Head'),
          component: [
            measuredAs(inDcm('122130', 'Dose Area Product'), 0.0001, 'Gy.m2'),
            measuredAs(inDcm('113738', 'Dose (RP)'), 0.01, 'Gy'),
          ],
        }),
      ],
    })
  })

  it('keeps the planes of a biplane system apart, by name, and never adds them up', () => {
    const content = [
      projection,
      accumulated(plane('113620'), num(dcm('113722'), 0.002, ucum('Gy.m2'))),
      accumulated(plane('113621'), num(dcm('113722'), 0.001, ucum('Gy.m2'))),
      xRayEvent('1.2.3.7.1', '20260302080102', plane('113620'), num(dcm('122130'), 0.002, ucum('Gy.m2'))),
      xRayEvent('1.2.3.7.1', '20260302080102', plane('113621'), num(dcm('122130'), 0.001, ucum('Gy.m2'))),
    ]
    const total = (name: string) => inDcm('113722', 'Dose Area Product Total', `Dose Area Product Total, ${name}`)
    const product = (name: string) => inDcm('122130', 'Dose Area Product', `Dose Area Product, ${name}`)
    expect(clean(report({ content }))).toEqual({
      summary: summaryOf({
        effectiveDateTime: '2026-03-02T08:01:02+01:00',
        valueString:
          'X-ray radiation dose: Dose Area Product Total, Plane A 0.002 Gy.m2; Dose Area Product Total, Plane B 0.001 Gy.m2',
        component: [
          reported,
          measuredAs(total('Plane A'), 0.002, 'Gy.m2'),
          measuredAs(total('Plane B'), 0.001, 'Gy.m2'),
        ],
      }),
      events: [
        eventOf('1.2.3.7.1', {
          effectiveDateTime: '2026-03-02T08:01:02+01:00',
          component: [measuredAs(product('Plane A'), 0.002, 'Gy.m2'), measuredAs(product('Plane B'), 0.001, 'Gy.m2')],
        }),
      ],
    })
  })

  it('starts with its first event', () => {
    const content = [projection, xRayEvent('1.2.3.7.2', '20260302081000'), xRayEvent('1.2.3.7.1', '20260302080102')]
    const { summary, events } = clean(report({ content }))
    expect(summary.effectiveDateTime).toBe('2026-03-02T08:01:02+01:00')
    expect(summary.valueString).toBe('X-ray radiation dose: no values reported')
    expect(events.map(({ identifier: [own] }) => own.value)).toEqual(['urn:oid:1.2.3.7.2', 'urn:oid:1.2.3.7.1'])
  })
})

describe('a mammography report (TID 10005)', () => {
  const agd = (side: Parameters<typeof modifier>[1] | undefined, value: number, laterality = sct('272741003')) =>
    num(dcm('111637'), value, ucum('dGy'), ...(side === undefined ? [] : [modifier(laterality, side)]))
  const named = (side: string) =>
    inDcm('111637', 'Accumulated Average Glandular Dose', `Accumulated Average Glandular Dose, ${side}`)

  it('keeps left and right apart', () => {
    const content = [
      procedure(['71651007', 'SCT', 'Mammography']),
      accumulated(
        undefined,
        agd(sct('80248007', 'Left breast'), 0.021),
        agd(sct('73056007', 'Right breast'), 0.019),
        num(dcm('111636'), 9.5, ucum('mGy')),
      ),
      xRayEvent('1.2.3.7.1', '20260302080102', num(dcm('111636'), 4.75, ucum('mGy'))),
    ]
    expect(clean(report({ content }))).toEqual({
      summary: summaryOf({
        effectiveDateTime: '2026-03-02T08:01:02+01:00',
        valueString: [
          'Mammography radiation dose: Entrance Exposure at RP 9.5 mGy',
          'Accumulated Average Glandular Dose, left 0.021 dGy',
          'Accumulated Average Glandular Dose, right 0.019 dGy',
        ].join('; '),
        component: [
          {
            code: inDcm('121058', 'Procedure reported'),
            valueCodeableConcept: valueIn('SCT', '71651007', 'Mammography'),
          },
          measuredAs(inDcm('111636', 'Entrance Exposure at RP'), 9.5, 'mGy'),
          measuredAs(named('left'), 0.021, 'dGy'),
          measuredAs(named('right'), 0.019, 'dGy'),
        ],
      }),
      events: [
        eventOf('1.2.3.7.1', {
          effectiveDateTime: '2026-03-02T08:01:02+01:00',
          component: [measuredAs(inDcm('111636', 'Entrance Exposure at RP'), 4.75, 'mGy')],
        }),
      ],
    })
  })

  it.each([
    [sct('7771000', 'Left'), 'left'],
    [sct('24028007', 'Right'), 'right'],
    [sct('51440002', 'Right and left'), 'both sides'],
    [sct('63762007', 'Both breasts'), 'both sides'],
    [['T-04030', 'SRT', 'x'] as const, 'left'],
    [['T-04020', 'SNM3', 'x'] as const, 'right'],
    [['T-04080', '99SDM', 'x'] as const, 'both sides'],
    [['G-A101', 'SRT', 'x'] as const, 'left'],
    [['G-A100', 'SRT', 'x'] as const, 'right'],
    [['77', '99ACME', 'Implant'] as const, 'Implant'],
  ])('knows the side %j', (side, name) => {
    for (const laterality of [sct('272741003'), ['G-C171', 'SRT', 'Laterality'] as const]) {
      const { summary } = clean(report({ content: [accumulated(undefined, agd(side, 0.02, laterality))] }))
      expect(summary.component).toEqual([measuredAs(named(name), 0.02, 'dGy')])
    }
  })
})

describe('a radiopharmaceutical report (TID 10021)', () => {
  const sample = { sopClass: sopClasses.radiopharmaceutical, root: dcm('113500') }
  const component = [
    {
      code: inDcm('121058', 'Procedure reported'),
      valueCodeableConcept: valueIn('DCM', '113502', 'Radiopharmaceutical Administration'),
    },
    measuredAs(inDcm('113507', 'Administered activity'), 352.4, 'MBq'),
    {
      code: inSct('349358000', 'Radiopharmaceutical agent'),
      valueCodeableConcept: valueIn('SCT', '35321007', 'Fluorodeoxyglucose F^18^'),
    },
    { code: inSct('89457008', 'Radionuclide'), valueCodeableConcept: valueIn('SCT', '77004003', '^18^Fluorine') },
    {
      code: inSct('410675002', 'Route of administration'),
      valueCodeableConcept: valueIn('SCT', '47625008', 'Intravenous route'),
    },
    measuredAs(inDcm('123005', 'Radiopharmaceutical Volume'), 1.25, 'cm3'),
  ]
  const procedureReported = procedure(['113502', 'DCM', 'Radiopharmaceutical Administration'])

  it('becomes a summary and the event of its administration', () => {
    expect(clean(report({ ...sample, content: [procedureReported, administration('1.2.3.7.1')] }))).toEqual({
      summary: summaryOf({
        effectiveDateTime: '2026-03-02T07:30:00+01:00',
        valueString:
          'Radiopharmaceutical radiation dose: Administered activity 352.4 MBq; Radiopharmaceutical Volume 1.25 cm3',
        component,
      }),
      events: [eventOf('1.2.3.7.1', { effectiveDateTime: '2026-03-02T07:30:00+01:00' })],
    })
  })

  it('says the same with the ids of older files', () => {
    const older = inSrt(administration('1.2.3.7.1'), {
      '349358000': 'F-61FDB',
      '89457008': 'C-10072',
      '410675002': 'G-C340',
      '35321007': 'C-B1031',
      '77004003': 'C-111A1',
      '47625008': 'G-D101',
    })
    expect(JSON.stringify(older)).not.toContain('SCT')
    const { summary } = clean(report({ ...sample, content: [procedureReported, older] }))
    expect(summary.component).toEqual(component)
  })

  it('takes an agent that is only named', () => {
    const content = [text(['349358000', 'SCT'], 'Tracer\r\n no. 7')]
    expect(clean(report({ ...sample, content })).summary.component).toEqual([
      { code: inSct('349358000', 'Radiopharmaceutical agent'), valueCodeableConcept: { text: 'Tracer no. 7' } },
    ])
  })
})
