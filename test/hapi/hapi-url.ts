/** The server that jest's global set-up has started for all files of this project. */
export const hapiUrl = (): string => {
  const { HAPI_URL: url } = process.env
  if (url === undefined) throw new Error('HAPI is started by the jest project `hapi`: npm run test:hapi')
  return url
}
