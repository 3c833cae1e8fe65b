import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { data } from 'dcmjs'
import { textOf } from './dataset-text'
import { type DicomElement, type DicomJson, readPart10 } from './part10'
import { sampleFolder } from './sample-studies'

const element = (vr: string, ...Value: ReadonlyArray<unknown>): DicomElement => ({ vr, Value })

type Code = readonly [value: string, scheme: string, meaning: string]

const codeOf = ([value, scheme, meaning]: Code): DicomElement =>
  element('SQ', {
    '00080100': element('SH', value),
    '00080102': element('SH', scheme),
    '00080104': element('LO', meaning),
  })

const item = (valueType: string, concept: Code, value: DicomJson): DicomJson => ({
  '0040A010': element('CS', 'CONTAINS'),
  '0040A040': element('CS', valueType),
  '0040A043': codeOf(concept),
  ...value,
})

const container = (concept: Code, ...children: ReadonlyArray<DicomJson>): DicomJson =>
  item('CONTAINER', concept, { '0040A050': element('CS', 'SEPARATE'), '0040A730': element('SQ', ...children) })

const number = (concept: Code, value: string, unit: Code): DicomJson =>
  item('NUM', concept, {
    '0040A300': element('SQ', { '004008EA': codeOf(unit), '0040A30A': element('DS', value) }),
  })

const dcm = (value: string, meaning: string): Code => [value, 'DCM', meaning]
const ucum = (value: string): Code => [value, 'UCUM', value]
const dlpUnit = ucum('mGy.cm')

/** PS3.16 TID 10011: one acquisition of a CT. */
const content = (event: string): ReadonlyArray<DicomJson> => [
  container(
    dcm('113811', 'CT Accumulated Dose Data'),
    number(dcm('113812', 'Total Number of Irradiation Events'), '1', ucum('{events}')),
    number(dcm('113813', 'CT Dose Length Product Total'), '512.30', dlpUnit),
  ),
  container(
    dcm('113819', 'CT Acquisition'),
    item('UIDREF', dcm('113769', 'Irradiation Event UID'), { '0040A124': element('UI', event) }),
    container(
      dcm('113829', 'CT Dose'),
      number(dcm('113830', 'Mean CTDIvol'), '16.10', ucum('mGy')),
      number(dcm('113838', 'DLP'), '512.30', dlpUnit),
    ),
  ),
]

const ofStudy = [
  '00080020',
  '00080030',
  '00080050',
  '00100010',
  '00100020',
  '00100030',
  '00100040',
  '0020000D',
  '00200010',
]

/**
 * No real file that may be passed on is a dose report, and what becomes of one is worth seeing: the report of a scan, as a
 * series of its own beside the images of a CT. Returns the path of the file.
 */
export const writeDoseSample = async (folder: string): Promise<string> => {
  const image = readPart10(await readFile(join(sampleFolder(), 'rle.dcm')))
  const study = textOf(image, '0020000D')
  const uids = { series: `${study}.9`, instance: `${study}.9.1`, event: `${study}.9.2` }
  const sopClass = '1.2.840.10008.5.1.4.1.1.88.67'
  const file = new data.DicomDict({
    '00020002': element('UI', sopClass),
    '00020003': element('UI', uids.instance),
    '00020010': element('UI', '1.2.840.10008.1.2.1'),
  })
  const said = ofStudy.flatMap((tag) => ((image[tag]?.Value?.length ?? 0) === 0 ? [] : [[tag, image[tag]] as const]))
  file.dict = {
    ...Object.fromEntries(said),
    '00080016': element('UI', sopClass),
    '00080018': element('UI', uids.instance),
    '00080060': element('CS', 'SR'),
    '0008103E': element('LO', 'Dose report'),
    '0020000E': element('UI', uids.series),
    '00200011': element('IS', '9'),
    '00200013': element('IS', '1'),
    '0040A040': element('CS', 'CONTAINER'),
    '0040A043': codeOf(dcm('113701', 'X-Ray Radiation Dose Report')),
    '0040A050': element('CS', 'SEPARATE'),
    '0040A491': element('CS', 'COMPLETE'),
    '0040A730': element('SQ', ...content(uids.event)),
  }
  const path = join(folder, 'made-dose-report.dcm')
  await writeFile(path, Buffer.from(file.write()))
  return path
}
