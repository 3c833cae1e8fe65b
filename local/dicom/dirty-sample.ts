import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { textOf } from './dataset-text'
import { readPart10 } from './part10'
import { sampleFolder } from './sample-studies'

/** Every occurrence of one text by another of the same length: the file keeps its structure. */
const replaced = (file: Buffer, from: string, to: string): Buffer =>
  Buffer.from(file.toString('latin1').replaceAll(from, to), 'latin1')

/**
 * The real samples that can be cast hold no invalid value, and what becomes of one is worth seeing: a copy of one of
 * them, as another instance of its study, with a birth date in month 13. Returns the path of the file.
 */
export const writeDirtySample = async (folder: string): Promise<string> => {
  const original = await readFile(join(sampleFolder(), 'jpeg_baseline_8bit.dcm'))
  const dataset = readPart10(original)
  const [uid, birthDate] = [textOf(dataset, '00080018'), textOf(dataset, '00100030')]
  const otherUid = `${uid.slice(0, -1)}${uid.endsWith('9') ? '8' : '9'}`
  const dirty = replaced(
    replaced(original, uid, otherUid),
    birthDate,
    `${birthDate.slice(0, 4)}13${birthDate.slice(6)}`,
  )
  const path = join(folder, 'made-dirty.dcm')
  await writeFile(path, dirty)
  return path
}
