import { accessSync, constants, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'

/** Ports next to Core Tools' own, so that addresses stay the same from start to start. */
export const defaultPorts = { functions: 7071, dicom: 7072, fhir: 7073 }

export const parsePort = (text: string): number => {
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('A port is a number from 0 to 65535; 0 takes a free one.')
}

export const parseUrl = (text: string): string => {
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) return text
  throw new InvalidArgumentError('It must be an http(s) URL.')
}

/** The state is written when it changes, and at the end: that it cannot be must be told before there is any. */
export const parseKeep = (text: string): string => {
  const file = resolve(text)
  try {
    accessSync(dirname(file), constants.W_OK)
    const there = statSync(file, { throwIfNoEntry: false })
    if (there === undefined || there.isFile()) return file
  } catch {
    // As for a folder in the place of the file.
  }
  throw new InvalidArgumentError('It must be a file in a folder that is there and can be written to.')
}

/** Resolves at the first Ctrl-C or SIGTERM. A second one ends the process at once, as nothing handles it any more. */
export const untilStopped = (): Promise<void> =>
  new Promise((resolve) => {
    process.once('SIGINT', () => resolve()).once('SIGTERM', () => resolve())
  })

/** Shows where the service is and what to try, and keeps it running until it is stopped. */
export const serve = async (
  name: string,
  service: { readonly url: string; readonly close: () => Promise<void> },
  hints: ReadonlyArray<string>,
): Promise<void> => {
  const stopped = untilStopped()
  console.log(
    [`${name} listening at ${service.url}`, ...hints.map((hint) => `  ${hint}`), 'Ctrl-C stops it.'].join('\n'),
  )
  await stopped
  await service.close()
  // Not left to the event loop: what an app keeps open must not keep the command alive.
  process.exit(0)
}

/** curl completes the Content-Type of a form with the boundary: a STOW-RS request on one line. */
export const storeLine = (dicomUrl: string): string =>
  `curl ${dicomUrl}/v2/studies -H "Content-Type: multipart/related; type=application/dicom" -F "file=@image.dcm;type=application/dicom"`
