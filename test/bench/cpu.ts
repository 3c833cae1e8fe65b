import * as E from 'fp-ts/Either'
import { coalesce } from '../../lib/domain/batch/coalesce'
import { type JudgeSettings, type LiveRow, makeJudge } from '../../lib/domain/batch/judge'
import { plan } from '../../lib/domain/batch/plan'
import { packUnits } from '../../lib/domain/batch/pack-units'
import type { Snapshot } from '../../lib/domain/batch/snapshot'
import { withoutUnread } from '../../lib/domain/dicom/unread'
import { transactionText } from '../../lib/domain/fhir/bundle'
import { mapEndpoint } from '../../lib/domain/mapping/endpoint'
import { settingsOf } from '../support/world/domain-settings'
import { type Workload, pageText } from './workload'

const decoder = new TextDecoder()
const pageWidth = 100
const batchSize = 1000
const limits = { entries: 499, bytes: 8_386_608 }

/** What FHIR holds before the first study: our Endpoint. */
const emptySnapshot = (settings: JudgeSettings): Snapshot => ({
  endpoints: [{ ...mapEndpoint(settings.dicom, 'Microsoft.Default'), id: 'e1' }],
  patients: new Map(),
  patientsByValue: new Map(),
  studies: new Map(),
  observations: new Map(),
  ourSubjects: new Set(),
  mistaken: new Map(),
})

/** As they come from a socket. */
const pieceBytes = 64 * 1024

const readPage = (page: Uint8Array): ReadonlyArray<unknown> => {
  const pieces: Array<Uint8Array> = []
  for (let start = 0; start < page.length; start += pieceBytes) {
    pieces.push(withoutUnread(Buffer.from(page.subarray(start, start + pieceBytes))))
  }
  return JSON.parse(decoder.decode(Buffer.concat(pieces))) as ReadonlyArray<unknown>
}

/** From the text of pages to the text of bundles: what a run computes, without what it asks of services. */
export const bundleTexts = (pages: ReadonlyArray<Uint8Array>): ReadonlyArray<string> => {
  const settings = settingsOf()
  const judge = makeJudge(settings)
  const snapshot = emptySnapshot(settings)
  const pagesPerBatch = batchSize / pageWidth
  const texts: Array<string> = []
  for (let start = 0; start < pages.length; start += pagesPerBatch) {
    const rows = pages.slice(start, start + pagesPerBatch).flatMap((page) =>
      readPage(page).flatMap((element): ReadonlyArray<LiveRow> => {
        const entry = judge.decode(element)
        const judged = E.isRight(entry) ? judge.judge(entry.right, false) : undefined
        return judged?._tag === 'Live' ? [judged.row] : []
      }),
    )
    const planned = plan({
      ...{ settings, limits, snapshot, readings: new Map(), keep: new Set<string>() },
      ...{ patientsAlone: false, rows: coalesce(rows).live },
    })
    for (const units of packUnits(planned.units, limits)) {
      texts.push(transactionText(units.flatMap(({ entries }) => entries)))
    }
  }
  return texts
}

const cpuMs = (work: () => void): number => {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

const median = (numbers: ReadonlyArray<number>): number =>
  [...numbers].sort((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? NaN

const pagesOf = (workload: Workload): ReadonlyArray<string> =>
  Array.from({ length: workload.entries / pageWidth }, (_, index) =>
    pageText(workload, index * pageWidth, pageWidth, true),
  )

/** The processor's time to parse all of its pages. */
export const parseMsOf = (workload: Workload): number => {
  const pages = pagesOf(workload)
  return cpuMs(() => {
    for (const page of pages) JSON.parse(page)
  })
}

export interface CpuMeasure {
  readonly parseMs: number
  readonly pipelineMs: number
  readonly ratio: number
  readonly pageBytes: number
  readonly bundleBytes: number
}

/** Parsing alone and the whole way take turns, so that what else the machine does meets both. */
export const measureCpu = (workload: Workload, rounds: number): CpuMeasure => {
  const pages = pagesOf(workload)
  const bytes = pages.map((page) => Buffer.from(page))
  let bundleBytes = 0
  const pipeline = (): void => {
    bundleBytes = bundleTexts(bytes).reduce((total, text) => total + Buffer.byteLength(text), 0)
  }
  const parse = (): void => {
    for (const page of pages) JSON.parse(page)
  }
  for (let warm = 0; warm < 2; warm++) {
    parse()
    pipeline()
  }
  const measured = Array.from({ length: rounds }, () => ({ parseMs: cpuMs(parse), pipelineMs: cpuMs(pipeline) }))
  return {
    parseMs: median(measured.map(({ parseMs }) => parseMs)),
    pipelineMs: median(measured.map(({ pipelineMs }) => pipelineMs)),
    ratio: median(measured.map(({ parseMs, pipelineMs }) => pipelineMs / parseMs)),
    pageBytes: bytes.reduce((total, { length }) => total + length, 0),
    bundleBytes,
  }
}
