import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'

export type Ports = readonly [functions: number, dicom: number, fhir: number]

/** What is kept belongs to other ports, or somebody else has them. */
export class PortsTaken extends Error {}

const firstPort = 7071

const inARow = (first: number): Ports => [first, first + 1, first + 2]

/** None when it is taken; of 0 a free one. */
export const freePort = (port: number): Promise<number | undefined> =>
  new Promise((resolve) => {
    const probe = createServer()
    probe.once('error', () => resolve(undefined))
    // Everywhere, since somebody may have it on one address alone.
    probe.listen(port, () => {
      const { port: found } = probe.address() as AddressInfo
      probe.close(() => resolve(found))
    })
  })

const fileIn = (folder: string): string => join(folder, 'ports.json')

const storedIn = async (folder: string): Promise<Ports | undefined> => {
  const text = await readFile(fileIn(folder), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const ports: unknown = JSON.parse(text)
  const isRight = Array.isArray(ports) && ports.length === 3 && ports.every((each) => Number.isInteger(each))
  if (!isRight) throw new PortsTaken(`${fileIn(folder)} does not name three ports`)
  return ports as unknown as Ports
}

const chosen = async (first: number): Promise<Ports> => {
  if (first !== 0) return inARow(first)
  const [functions = 0, dicom = 0, fhir = 0] = await Promise.all([freePort(0), freePort(0), freePort(0)])
  return [functions, dicom, fhir]
}

/**
 * The ports of a stack that keeps its state: those of its first start, for FHIR holds the DICOM service's address. `first`:
 * as asked for; 0: free ones, at the first start.
 */
export const keptPorts = async (folder: string, first: number | undefined): Promise<Ports> => {
  const stored = await storedIn(folder)
  if (stored !== undefined && first !== undefined && first !== 0 && first !== stored[0]) {
    throw new PortsTaken(`what ${folder} keeps belongs to the ports ${stored.join(', ')}: leave out --port`)
  }
  const ports = stored ?? (await chosen(first ?? firstPort))
  for (const port of ports) {
    if ((await freePort(port)) === undefined) {
      const way =
        stored === undefined ? 'name others with --port' : 'what is kept belongs to it, so end whatever has it'
      throw new PortsTaken(`port ${port} is taken: ${way}`)
    }
  }
  if (stored === undefined) await writeFile(fileIn(folder), JSON.stringify(ports))
  return ports
}

/** The ports of a stack that keeps nothing: free ones in the place of taken ones, unless they were named. */
export const somePorts = async (first: number | undefined): Promise<Ports> => {
  if (first === 0) return [0, 0, 0]
  if (first !== undefined) return inARow(first)
  const [functions, dicom, fhir] = await Promise.all(inARow(firstPort).map(freePort))
  return [functions ?? 0, dicom ?? 0, fhir ?? 0]
}
