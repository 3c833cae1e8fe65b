import { Agent, request as send } from 'undici'
import type { Request, World } from './services'

const pagesAtOnce = 4

/** No answer is decoded, no body is made: only the round trips remain. */
const ask = async (agent: Agent, { urls }: World, { service, method, path, headers, body }: Request): Promise<void> => {
  const { 'content-length': _length, connection: _connection, host, ...rest } = headers
  const answer = await send(`${urls[service]}${path}`, {
    method: method as 'GET',
    headers: { ...rest, ...(service === 'storage' && host !== undefined ? { host } : {}) },
    dispatcher: agent,
    ...(body === '' ? {} : { body }),
  })
  await answer.body.dump({ limit: Infinity })
}

/**
 * How long the bare requests of a run take, ms: what it asked before the first page in order, then pages four at a time,
 * and beside them what is written, in order, each batch when its pages have come.
 */
export const replayRequests = async (world: World, requests: ReadonlyArray<Request>): Promise<number> => {
  const isPage = ({ service, path }: Request): boolean => service === 'dicom' && path.includes('/changefeed?')
  const isTransaction = ({ service, method, body }: Request): boolean =>
    service === 'fhir' && method === 'POST' && body.includes('"type":"transaction"')
  const pages = requests.filter(isPage)
  const others = requests.filter((each) => !isPage(each))
  const firstPage = requests.findIndex(isPage)
  const before = requests.slice(0, firstPage)
  const after = others.slice(before.length)
  const batches = after.filter(isTransaction).length

  const agent = new Agent({ connections: 8, pipelining: 1 })
  const started = performance.now()
  for (const each of before) await ask(agent, world, each)
  let come = 0
  const waiting: Array<{ readonly pages: number; readonly resolve: () => void }> = []
  const untilCome = (count: number): Promise<void> =>
    come >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ pages: count, resolve }))
  const left = [...pages]
  const lane = async (): Promise<void> => {
    for (let page = left.shift(); page !== undefined; page = left.shift()) {
      await ask(agent, world, page)
      come += 1
      for (const each of waiting.filter(({ pages: count }) => come >= count)) each.resolve()
    }
  }
  const writing = async (): Promise<void> => {
    let done = 0
    for (const each of after) {
      await untilCome(Math.min(pages.length, Math.ceil((pages.length * (done + 1)) / batches)))
      await ask(agent, world, each)
      if (isTransaction(each)) done += 1
    }
  }
  await Promise.all([writing(), ...Array.from({ length: pagesAtOnce }, lane)])
  const ms = performance.now() - started
  await agent.close()
  return ms
}
