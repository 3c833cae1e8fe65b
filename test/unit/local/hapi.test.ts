import { afterAll, describe, expect, it } from '@jest/globals'
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findHapiTools } from '../../../local/hapi'

const folders: string[] = []
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true })))
})

/** A folder for PATH with a Maven that says this, and a Java that has these tools. */
const maven = async (says: (home: string) => string, tools: ReadonlyArray<string> = []) => {
  const folder = await mkdtemp(join(tmpdir(), 'dicomcast-maven-'))
  folders.push(folder)
  await mkdir(join(folder, 'bin'))
  for (const tool of tools) await writeFile(join(folder, 'bin', tool), '')
  await writeFile(join(folder, 'mvn'), `#!/bin/sh\ncat <<'END'\n${says(folder)}\nEND\n`)
  await chmod(join(folder, 'mvn'), 0o755)
  return { folder, env: { PATH: `${folder}:/usr/bin:/bin` } }
}

const version = (java: string) => (home: string) =>
  `\u001b[1mApache Maven 3.8.7\u001b[m\nMaven home: /usr/share/maven\nJava version: ${java}, vendor: Debian, runtime: ${home}\nDefault locale: en`

// A shell script stands for Maven; on Windows that is a `.cmd`.
const onUnix = process.platform === 'win32' ? describe.skip : describe

onUnix('what HAPI needs', () => {
  it('is the JDK that Maven itself runs on', async () => {
    const { folder, env } = await maven(version('21.0.1'), ['java', 'javac'])
    expect(await findHapiTools(env)).toEqual({ java: join(folder, 'bin', 'java') })
  })

  it.each([
    ['11.0.2', ['java', 'javac'], 'Maven runs on Java 11, not 17 or newer'],
    ['1.8.0_402', ['java', 'javac'], 'Maven runs on Java 8, not 17 or newer'],
    ['17.0.15', ['java'], 'Java 17 is no JDK: it has no javac'],
  ])('is missing with Java %s and %j', async (java, tools, missing) => {
    const { env } = await maven(version(java), tools)
    expect(await findHapiTools(env)).toEqual({ missing })
  })

  it('is missing without Maven, or with one that finds no Java', async () => {
    const missing = 'Maven (mvn) is not found, or finds no Java'
    expect(await findHapiTools({ PATH: tmpdir() })).toEqual({ missing })
    const { env } = await maven(() => 'The JAVA_HOME environment variable is not defined correctly')
    expect(await findHapiTools(env)).toEqual({ missing })
  })
})
