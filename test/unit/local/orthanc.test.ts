import { afterAll, describe, expect, it } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findOrthanc } from '../../../local/orthanc'

const folders: string[] = []
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })))
})

const folderWith = async (file: string, mode: number): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'dicomcast-orthanc-'))
  folders.push(folder)
  if (file !== '') await writeFile(join(folder, file), '', { mode })
  return folder
}

const howToGet = '(apt-get install orthanc orthanc-dicomweb)'

// Windows has no bit that says what may be run.
const onUnix = process.platform === 'win32' ? describe.skip : describe

onUnix('what Orthanc needs', () => {
  it('is its program, in the PATH or where services are, and the plugin', async () => {
    const program = await folderWith('Orthanc', 0o755)
    const plugin = await folderWith('libOrthancDicomWeb.so', 0o644)
    const found = { program: join(program, 'Orthanc'), dicomWeb: join(plugin, 'libOrthancDicomWeb.so') }
    expect(findOrthanc({ PATH: `/nowhere:${program}` }, { programs: [], plugins: [plugin] })).toEqual(found)
    expect(findOrthanc({}, { programs: [program], plugins: [plugin] })).toEqual(found)
  })

  it('is missing without the program, with one that cannot be run, and without the plugin', async () => {
    const [nothing, text, program] = await Promise.all([
      folderWith('', 0),
      folderWith('Orthanc', 0o644),
      folderWith('Orthanc', 0o755),
    ])
    for (const folder of [nothing, text]) {
      expect(findOrthanc({ PATH: folder }, { programs: [], plugins: [] })).toEqual({
        missing: `Orthanc is not found ${howToGet}`,
      })
    }
    expect(findOrthanc({ PATH: program }, { programs: [], plugins: [nothing] })).toEqual({
      missing: `Orthanc's DICOMweb plugin is not found ${howToGet}`,
    })
  })
})
