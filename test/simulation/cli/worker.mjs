import { createRequire } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import { loadTypeScript } from './load-typescript.mjs'

const { seeds, untilFirst, edits = [], under, without = [] } = workerData

// A mutant of the product: texts of its files, replaced before they are compiled.
loadTypeScript((path, text) =>
  edits
    .filter(({ file }) => path.replaceAll('\\', '/').endsWith(`/${file}`))
    .reduce((changed, { from, to }) => changed.replace(from, () => to), text),
)
const { simulateSeeds } = createRequire(import.meta.url)('../seeds.ts')

const step = untilFirst ? seeds.length : 25
for (let start = 0; start < seeds.length; start += step) {
  parentPort.postMessage(await simulateSeeds(seeds.slice(start, start + step), untilFirst, under, without))
}
