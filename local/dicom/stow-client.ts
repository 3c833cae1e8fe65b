import { readFile } from 'node:fs/promises'
import { textOf } from './dataset-text'
import { joinMultipart } from './multipart'
import { withoutTrailing } from '../../lib/domain/text'

export interface StoreResult {
  readonly file: string
  readonly stored: boolean
  readonly sopInstanceUid?: string
  /** Why it was refused: the service's failure reason (0008,1197) and its words, or the HTTP status. */
  readonly failureReason?: number
  readonly reason?: string
}

type Item = Record<string, { readonly Value?: ReadonlyArray<unknown> } | undefined>

const firstItem = (dataset: Item, sequence: string): Item | undefined =>
  dataset[sequence]?.Value?.[0] as Item | undefined

const readResult = (file: string, status: number, body: string): StoreResult => {
  if (status !== 200 && status !== 202 && status !== 409)
    return { file, stored: false, reason: `HTTP ${status} ${body}` }
  const response = JSON.parse(body) as Item
  const stored = firstItem(response, '00081199')
  if (stored !== undefined) return { file, stored: true, sopInstanceUid: textOf(stored, '00081155') }
  const failed = firstItem(response, '00081198') ?? {}
  const code = failed['00081197']?.Value?.[0]
  const comment = textOf(firstItem(failed, '00741048'), '00000902')
  const sopInstanceUid = textOf(failed, '00081155')
  return {
    file,
    stored: false,
    ...(sopInstanceUid === '' ? {} : { sopInstanceUid }),
    ...(typeof code === 'number' ? { failureReason: code } : {}),
    reason: comment === '' ? `failure reason ${String(code)}` : comment,
  }
}

const studiesUrl = (serviceUrl: string): string => {
  const root = withoutTrailing(serviceUrl, '/')
  return /\/v\d+(\/partitions\/[^/]+)?$|\/dicom-web$/.test(root) ? `${root}/studies` : `${root}/v2/studies`
}

const boundary = 'dicomcast-local-stow'

/**
 * Stores Part 10 files by STOW-RS, one a request and in order: so the feed is always the same, and each answer is about
 * one file. `serviceUrl` may name a version and a partition; without a version it is v2, but for Orthanc's root, which has none.
 * Rejects only without a service.
 */
export const storeFiles = async (
  serviceUrl: string,
  files: ReadonlyArray<string>,
  onResult: (result: StoreResult) => void = () => {},
  bearer?: string,
): Promise<ReadonlyArray<StoreResult>> => {
  const results: StoreResult[] = []
  for (const file of files) {
    const response = await fetch(studiesUrl(serviceUrl), {
      method: 'POST',
      headers: {
        'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
        accept: 'application/dicom+json',
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      },
      body: new Uint8Array(joinMultipart([await readFile(file)], boundary)),
    })
    const result = readResult(file, response.status, await response.text())
    results.push(result)
    onResult(result)
  }
  return results
}
