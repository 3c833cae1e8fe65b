import { Session } from 'node:inspector/promises'
import { basename } from 'node:path'
import { bundleTexts } from './cpu'
import { pageText } from './workload'

const shownFunctions = 25

/** Where the time goes from page text to bundle text: functions by the time that is theirs alone. */
export const profile = async (): Promise<string> => {
  const workload = { entries: 10_000, instancesPerStudy: 500 }
  const pages = Array.from({ length: 100 }, (_, index) => Buffer.from(pageText(workload, index * 100, 100, true)))
  bundleTexts(pages)
  const session = new Session()
  session.connect()
  await session.post('Profiler.enable')
  await session.post('Profiler.start')
  for (let round = 0; round < 5; round++) bundleTexts(pages)
  const { profile: recorded } = await session.post('Profiler.stop')
  session.disconnect()
  const nodes = new Map(recorded.nodes.map((node) => [node.id, node.callFrame]))
  const spent = new Map<string, number>()
  for (const [index, id] of (recorded.samples ?? []).entries()) {
    const frame = nodes.get(id)
    const place = frame?.url === '' ? '' : ` ${basename(frame?.url ?? '')}:${(frame?.lineNumber ?? 0) + 1}`
    const name = `${frame?.functionName || '(anonymous)'}${place}`
    spent.set(name, (spent.get(name) ?? 0) + (recorded.timeDeltas?.[index] ?? 0))
  }
  const total = [...spent.values()].reduce((sum, each) => sum + each, 0)
  return [...spent]
    .sort(([, left], [, right]) => right - left)
    .slice(0, shownFunctions)
    .map(([name, time]) => `${((100 * time) / total).toFixed(1).padStart(5)} %  ${name}`)
    .join('\n')
}
