import { readFile } from 'node:fs/promises'
import { data } from 'dcmjs'
import type { Coding, HumanName, ImagingStudy, ImagingStudySeriesPerformer, Patient } from 'fhir/r4'

// What the headers of a file ask for in FHIR, written a second time and straight from the mapping table. It knows only
// what the sample files hold: one alphabetic name, whole dates, offsets as ±HHMM, codes of DCM.

export type Headers = (tag: string) => string

/** The first value of a tag as text, read by dcmjs and not by the local DICOM service. */
export const readHeaders = async (file: string): Promise<Headers> => {
  const bytes = new Uint8Array(await readFile(file)).buffer
  const { dict } = data.DicomMessage.readFile(bytes, { untilTag: '7FE00010', includeUntilTagValue: false })
  return (tag) => {
    const { Value, _rawValue } = dict[tag] ?? {}
    const values = _rawValue ?? Value
    const first: unknown = Array.isArray(values) ? values[0] : values
    const text = typeof first === 'object' && first !== null ? Reflect.get(first, 'Alphabetic') : first
    return String(text ?? '').trim()
  }
}

const compact = <A extends object>(members: A): A =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined && value !== '')) as A

const day = (text: string): string => text.replace(/^(\d{4})(\d{2})(\d{2})$/, '$1-$2-$3')

/** A time without an offset from UTC cannot be written: then the date stands alone. */
const started = (headers: Headers, date: string, time: string): string => {
  const [offset, clock] = [headers('00080201'), headers(time)]
  if (offset === '' || clock === '') return day(headers(date))
  return `${day(headers(date))}T${clock.replace(/^(..)(..)(..)/, '$1:$2:$3')}${offset.slice(0, 3)}:${offset.slice(3)}`
}

const nameOf = (text: string): HumanName | undefined => {
  const [family = '', ...rest] = text.split('^')
  if (text === '') return undefined
  const given = rest.filter((part) => part !== '')
  return compact({
    use: 'usual' as const,
    text: [...given, family].join(' '),
    family,
    ...(given.length === 0 ? {} : { given }),
  })
}

const genders: Readonly<Record<string, 'male' | 'female' | 'other'>> = { M: 'male', F: 'female', O: 'other' }
const ours = {
  system: 'urn:uuid:6f0a5b52-8a0b-5d0a-9d5e-2f7c1c0f7a11',
  code: 'dicomcast',
  display: 'Written by DICOMcast',
}

export const metaOf = (source: string): { source: string; tag: Array<Coding> } => ({ source, tag: [ours] })

/** Of all files with one PatientID. */
export const patientOf = (files: ReadonlyArray<Headers>, source: string): Patient => {
  const value = (tag: string): string => files.map((headers) => headers(tag)).find((text) => text !== '') ?? ''
  const name = nameOf(value('00100010'))
  const gender = genders[value('00100040')]
  return compact({
    resourceType: 'Patient' as const,
    meta: metaOf(source),
    identifier: [
      {
        type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }] },
        value: value('00100020'),
      },
    ],
    ...(name === undefined ? {} : { name: [name] }),
    ...(gender === undefined ? {} : { gender }),
    birthDate: day(value('00100030')),
  })
}

const performerOf = (operator: string): ImagingStudySeriesPerformer => ({
  function: {
    coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ParticipationType', code: 'SPRF' }],
  },
  actor: { display: operator },
})

const dcm = 'http://dicom.nema.org/resources/ontology/DCM'
const modalityNames: Readonly<Record<string, string>> = {
  CT: 'Computed Tomography',
  MR: 'Magnetic Resonance',
  XA: 'X-Ray Angiography',
}

/** Of all files of one study, in the order they were stored; each sample study has one series. */
export const studyOf = (
  files: ReadonlyArray<Headers>,
  { source, patient, endpoint }: Readonly<Record<'source' | 'patient' | 'endpoint', string>>,
): ImagingStudy => {
  const value = (tag: string): string => files.map((headers) => headers(tag)).find((text) => text !== '') ?? ''
  const [first] = files
  if (first === undefined) throw new Error('A study has at least one file.')
  const code = value('00080060')
  const modality = { system: dcm, code, display: modalityNames[code] ?? '' }
  const description = value('00081030')
  const operator = value('00081070')
  return compact({
    resourceType: 'ImagingStudy' as const,
    meta: metaOf(source),
    identifier: [
      {
        type: { coding: [{ system: dcm, code: '110180', display: 'Study Instance UID' }] },
        system: 'urn:dicom:uid',
        value: `urn:oid:${value('0020000D')}`,
      },
    ],
    status: 'available' as const,
    modality: [modality],
    subject: { reference: patient },
    started: started(first, '00080020', '00080030'),
    endpoint: [{ reference: endpoint }],
    numberOfSeries: 1,
    numberOfInstances: files.length,
    description,
    ...(description === '' ? {} : { note: [{ text: description }] }),
    series: [
      compact({
        uid: value('0020000E'),
        number: Number(value('00200011')),
        modality,
        numberOfInstances: files.length,
        started: started(first, '00080021', '00080031'),
        description: value('0008103E'),
        ...(operator === '' ? {} : { performer: [performerOf(operator)] }),
        instance: files.map((headers) =>
          compact({
            uid: headers('00080018'),
            sopClass: { system: 'urn:ietf:rfc:3986', code: `urn:oid:${headers('00080016')}` },
            ...(headers('00200013') === '' ? {} : { number: Number(headers('00200013')) }),
          }),
        ),
      }),
    ],
  })
}
