import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { loadTypeScript, planting } from './load-typescript.mjs'

const { seeds, untilFirst, edits = [], under, without = [] } = workerData

loadTypeScript(planting(edits))
const { simulateSeeds } = createRequire(import.meta.url)('../seeds.ts')

const step = untilFirst ? seeds.length : 25
for (let start = 0; start < seeds.length; start += step) {
  parentPort.postMessage(await simulateSeeds(seeds.slice(start, start + step), untilFirst, under, without))
}
