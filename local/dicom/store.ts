import type { Answer } from './answer'
import { BadRequest, dicomJson, noContent } from './answer'
import { textOf } from './dataset-text'
import type { Feed, InstanceKey } from './feed'
import { isLive } from './feed'
import { readContentType, splitMultipart } from './multipart'
import { isUid } from '../../lib/domain/dicom/vr'
import type { DicomJson } from './part10'
import { readPart10 } from './part10'

/** Failure reasons of Azure's conformance statement, (0008,1197). */
const reason = { processing: 272, validation: 43264, wrongStudy: 43265, alreadyExists: 45070 }

interface Failure {
  readonly code: number
  readonly comment: string
  readonly dataset?: DicomJson
}

export interface StoreTarget {
  readonly version: 1 | 2
  readonly partitionName: string
  /** Of the URL, when it names one. */
  readonly studyInstanceUid?: string
  /** Under which the instances can be retrieved; ends before `/studies`. */
  readonly root: string
}

const filesOf = (contentType: string, body: Buffer): ReadonlyArray<Buffer> => {
  const { type, parameters } = readContentType(contentType)
  if (type === 'application/dicom') return body.length === 0 ? [] : [body]
  const boundary = parameters.get('boundary')
  if (type !== 'multipart/related' || boundary === undefined || parameters.get('type') !== 'application/dicom') {
    throw new BadRequest('The specified Content-Type is not supported.', 415)
  }
  return splitMultipart(body, boundary)
}

const read = (file: Buffer): DicomJson | Failure => {
  try {
    return readPart10(file)
  } catch (error) {
    return { code: reason.processing, comment: error instanceof Error ? error.message : String(error) }
  }
}

const isFailure = (result: DicomJson | Failure): result is Failure => 'code' in result

const required = { StudyInstanceUID: '0020000D', SeriesInstanceUID: '0020000E', SOPInstanceUID: '00080018' }
const uids = { SOPClassUID: '00080016', ...required }

/**
 * Version 1 wants a PatientID with a value. Version 2 takes an empty one; here it takes an instance without any too,
 * which Azure refuses: other DICOM services have such instances, and what becomes of them is worth seeing.
 */
const missingTag = (dataset: DicomJson, version: 1 | 2): string | undefined => {
  const uid = Object.entries(uids).find(([, tag]) => textOf(dataset, tag) === '')
  if (uid !== undefined) return uid[0]
  return version === 1 && textOf(dataset, '00100020') === '' ? 'PatientID' : undefined
}

const keyOf = (dataset: DicomJson, partitionName: string): InstanceKey => ({
  partitionName,
  studyInstanceUid: textOf(dataset, required.StudyInstanceUID),
  seriesInstanceUid: textOf(dataset, required.SeriesInstanceUID),
  sopInstanceUid: textOf(dataset, required.SOPInstanceUID),
})

const problemOf = (dataset: DicomJson, feed: Feed, target: StoreTarget): Failure | undefined => {
  const missing = missingTag(dataset, target.version)
  if (missing !== undefined) {
    return { code: reason.validation, comment: `The required tag ${missing} is missing.`, dataset }
  }
  const illegal = Object.entries(uids).find(([, tag]) => !isUid(textOf(dataset, tag)))
  if (illegal !== undefined) {
    return { code: reason.validation, comment: `${illegal[0]} is not a UID.`, dataset }
  }
  const key = keyOf(dataset, target.partitionName)
  if (target.studyInstanceUid !== undefined && target.studyInstanceUid !== key.studyInstanceUid) {
    return { code: reason.wrongStudy, comment: 'The instance belongs to another study.', dataset }
  }
  const existing = feed.instance(key)
  return existing !== undefined && isLive(existing)
    ? { code: reason.alreadyExists, comment: 'The instance already exists.', dataset }
    : undefined
}

const element = (vr: string, ...values: ReadonlyArray<unknown>) => ({ vr, Value: values })

const sopReference = (dataset: DicomJson | undefined) => ({
  ...(textOf(dataset, '00080016') === '' ? {} : { '00081150': element('UI', textOf(dataset, '00080016')) }),
  ...(textOf(dataset, '00080018') === '' ? {} : { '00081155': element('UI', textOf(dataset, '00080018')) }),
})

const failedItem = ({ code, comment, dataset }: Failure) => ({
  ...sopReference(dataset),
  '00081197': element('US', code),
  '00741048': element('SQ', { '00000902': element('LO', comment) }),
})

const storedItem = (dataset: DicomJson, root: string) => {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = keyOf(dataset, '')
  const url = `${root}/studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}`
  return { ...sopReference(dataset), '00081190': element('UR', url) }
}

/** STOW-RS: each part is stored or refused by itself, in the order of the request (PS3.18 §10.5.3, §I.2). */
export const storeInstances = (feed: Feed, target: StoreTarget, contentType: string, body: Buffer): Answer => {
  const stored: DicomJson[] = []
  const failures: Failure[] = []
  for (const file of filesOf(contentType, body)) {
    const dataset = read(file)
    const failure = isFailure(dataset) ? dataset : problemOf(dataset, feed, target)
    if (failure !== undefined) {
      failures.push(failure)
    } else if (!isFailure(dataset)) {
      feed.append([{ ...keyOf(dataset, target.partitionName), action: 'Create', metadata: JSON.stringify(dataset) }])
      stored.push(dataset)
    }
  }
  if (stored.length === 0 && failures.length === 0) return noContent
  const status = failures.length === 0 ? 200 : stored.length === 0 ? 409 : 202
  const studyUrl = `${target.root}/studies/${target.studyInstanceUid ?? ''}`
  return dicomJson(
    status,
    JSON.stringify({
      ...(stored.length > 0 && target.studyInstanceUid !== undefined ? { '00081190': element('UR', studyUrl) } : {}),
      ...(failures.length > 0 ? { '00081198': element('SQ', ...failures.map(failedItem)) } : {}),
      ...(stored.length > 0
        ? { '00081199': element('SQ', ...stored.map((dataset) => storedItem(dataset, target.root))) }
        : {}),
    }),
  )
}
