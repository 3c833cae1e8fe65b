// `npm run package` puts the commit here; who runs the sources runs no build.
declare const DICOMCAST_BUILD: string | undefined

const build = typeof DICOMCAST_BUILD === 'string' ? DICOMCAST_BUILD : 'source'

/** Of package.json, which a test holds against this. */
export const packageVersion = '0.1.0'

/** Which program this is, `package+build`: in the status, on the page, in each log line of a cast and in the run history. */
export const version = `${packageVersion}+${build}`
