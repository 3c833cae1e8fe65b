import { startHapi, type Hapi } from '../../local/hapi'

declare global {
  // Jest runs set-up and teardown in one process, and hands nothing from one to the other.
  var hapiOfJest: Hapi | undefined
}

/** One HAPI for all test files: it takes its time to start, and its memory. Fails where Java or Maven are missing. */
export default async (): Promise<void> => {
  const begun = Date.now()
  const hapi = await startHapi({ onProgress: (text) => console.log(text) })
  console.log(`HAPI is ready at ${hapi.url} after ${((Date.now() - begun) / 1000).toFixed(1)} s`)
  globalThis.hapiOfJest = hapi
  process.env['HAPI_URL'] = hapi.url
}
