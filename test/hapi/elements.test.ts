import { describe, expect, it } from '@jest/globals'
import type { CodeSystem, Parameters } from 'fhir/r4'
import { dicomModality, isDicomModality } from '../../lib/domain/fhir/code-systems'
import { eventRows, summaryRows } from '../../lib/domain/mapping/dose/concepts'
import { readDefinitions } from '../../local/fhir/definitions'
import { validateResource } from '../../local/fhir/validate'
import { created } from '../support/world/cast-images'
import { codeItem, element } from '../support/world/dose-sr'
import { uniqueUid } from '../support/fhir/fhir-samples'
import { useHapiWorld } from './hapi-world'

const newWorld = useHapiWorld()

const issuer = (id: string, type: string) =>
  element('SQ', {
    '00400031': element('UT', 'St. Ana'),
    '00400032': element('UT', id),
    '00400033': element('CS', type),
  })

/** All that a study may say beside what it must, in every form that there is. */
const furtherElements = {
  '00080050': element('SH', 'A1'),
  '00080051': issuer('1.2.840.99.1', 'ISO'),
  '00400275': element(
    'SQ',
    {
      '00080050': element('SH', 'A1'),
      '00080051': issuer('1.2.840.99.1', 'ISO'),
      '0040100A': element('SQ', codeItem(['R07.4', 'I10', 'Chest pain']), codeItem(['29857009', 'SCT'])),
      '00401002': element('LO', 'pain since May'),
    },
    { '00080050': element('SH', 'B1'), '00080051': issuer('6F0A5B52-8A0B-5D0A-9D5E-2F7C1C0F7A11', 'UUID') },
    { '00080050': element('SH', 'B2'), '00080051': issuer('https://ris.example/orders', 'URI') },
    { '00080050': element('SH', 'B3'), '00080051': issuer('ris.example', 'DNS') },
  ),
  '00100024': element('SQ', { '00400035': element('CS', 'PI') }),
  '00080090': element('PN', { Alphabetic: 'Who^Ann^^Dr' }),
  '00080096': element('SQ', { '00401101': element('SQ', codeItem(['D77', '99RIS', 'Dr Who'])) }),
  '00081032': element(
    'SQ',
    codeItem(['77477000', 'SCT', 'CT']),
    codeItem(['P5-08000', 'SRT', 'CT']),
    codeItem(['P5-99999', 'SRT', 'Odd CT']),
    codeItem(['24627-2', 'LN', 'CT Chest']),
    codeItem(['RPID16', 'RADLEX', 'CT']),
    codeItem(['71250', 'C4', 'CT']),
    codeItem(['R07.4', 'I10', 'Chest pain']),
    codeItem(['113014', 'DCM', 'said otherwise by this file']),
    codeItem(['CT  HD', '99RIS', 'CT head']),
    { '00080120': element('UR', 'https://codes.example/ct') },
  ),
  '00082218': element('SQ', codeItem(['T-D9200', 'SRT', 'Knie'])),
  '00200060': element('CS', 'R'),
  '00081070': element('PN', { Alphabetic: 'Op^Ann' }, { Ideographic: '山田^太郎' }),
  '00081050': element('PN', { Alphabetic: 'Doc^Eve' }),
  '00420010': element('ST', 'Operation\r\nreport'),
  '00080201': element('SH', '+0100'),
  '00080030': element('TM', '235960.123456'),
  '00081030': element('LO', 'Knee'),
  '00100010': element('PN', { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' }),
}

const dcm = 'http://dicom.nema.org/resources/ontology/DCM'

/** The modalities that R4's own code system knows. */
const modalitiesOfR4 = readDefinitions<CodeSystem>('valuesets')
  .filter(({ resourceType, url }) => resourceType === 'CodeSystem' && url === dcm)
  .flatMap(({ concept = [] }) => concept)
  .filter(({ code }) => isDicomModality(code))

describe('on HAPI, which validates', () => {
  it('every element of the mapping is accepted, in every form that it takes', async () => {
    const world = await newWorld()
    const study = uniqueUid()
    const modalities = ['CT', 'OT', 'HC', 'DF', 'ZZ', 'MY  OWN']
    const images = modalities.map((modality, at) =>
      created({ study, series: at + 1, elements: { ...furtherElements, '00080060': element('CS', modality) } }),
    )
    world.dicom.control.append(...images)

    expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: modalities.length, recorded: 0, failed: {} })

    const [stored, ...others] = await world.stored('ImagingStudy')
    const [patient] = await world.stored('Patient')
    expect(others).toEqual([])
    expect([stored, patient].flatMap((resource) => validateResource(resource))).toEqual([])
    expect(stored).toMatchObject({
      basedOn: ['A1', 'B1', 'B2', 'B3'].map((value) => ({ identifier: { value } })),
      started: '2026-11-23T23:59:59.123456+01:00',
      identifier: [{ type: { coding: [{ code: '110180', display: 'Study Instance UID' }] } }, { value: 'A1' }],
      reasonCode: [
        {
          coding: [
            { system: 'http://hl7.org/fhir/sid/icd-10', code: 'R07.4', display: 'Chest pain' },
            { system: 'http://snomed.info/sct', code: '29857009' },
          ],
          text: 'pain since May',
        },
      ],
      numberOfSeries: modalities.length,
    })
    expect(stored?.series?.[0]).toMatchObject({
      bodySite: { code: '72696002', display: 'Knie' },
      laterality: { code: '24028007' },
      performer: [
        { actor: { display: 'Ann Op' } },
        { actor: { display: '山田 太郎' } },
        { actor: { display: 'Eve Doc' } },
      ],
      instance: [{ title: 'Operation report' }],
    })
    expect(stored?.modality).toContainEqual({ system: dcm, code: 'CT', display: 'Computed Tomography' })
    expect(stored?.procedureCode).toHaveLength(10)
    expect(patient?.identifier?.[0]?.type?.coding?.[0]?.code).toBe('PI')
    expect(patient?.name?.map(({ text }) => text)).toEqual(['Tarou Yamada', '山田 太郎', 'やまだ たろう'])
  })

  it('every display of our codings is the one that its code system has', async () => {
    const { session } = await newWorld()
    const doses = [...summaryRows, ...eventRows].flatMap(({ concept: { scheme, value: code, display } }) =>
      scheme === 'DCM' ? [{ code, display }] : [],
    )
    const ours = [...modalitiesOfR4.map(({ code }) => dicomModality(code)), ...doses]
    expect(ours.length).toBeGreaterThan(70)
    for (const { code = '', display } of ours) {
      const { body } = await session.get(`/CodeSystem/$lookup?system=${encodeURIComponent(dcm)}&code=${code}`)
      const found = (body as Parameters).parameter?.find(({ name }) => name === 'display')?.valueString
      expect([code, display]).toEqual([code, found])
    }
  })
})
