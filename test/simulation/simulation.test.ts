import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { faultKinds, pairs } from './faults'
import { mutants } from './mutants'
import { simulate } from './simulate'

const root = join(__dirname, '..', '..')

describe('2,000 histories, each with its own faults', () => {
  it('lose, double and invent nothing, and meet every kind of trouble often enough', () => {
    const command = join(__dirname, 'cli', 'simulate.mjs')
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, '--seeds', '2000'], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    expect(status === 0 ? '' : `${stdout.slice(-20_000)}${stderr.slice(-4_000)}`).toBe('')
    // How many histories each kind of trouble hit: what was not met was not shown.
    const table = stdout.slice(stdout.search(/^\d+ histories, /m))
    expect(table.match(/ %$/gm)).toHaveLength(faultKinds.length)
    expect(table.match(/ times$/gm)).toHaveLength(pairs.length)
    process.stdout.write(`\n${table}\n`)
  }, 1_200_000)
})

describe('a seed', () => {
  it('gives the same history again', async () => {
    for (const seed of [3, 14, 159]) {
      const [first, second] = [await simulate(seed, { recording: true }), await simulate(seed, { recording: true })]
      expect(first.history.length).toBeGreaterThan(50)
      expect(second.history).toEqual(first.history)
    }
  })

  it('gives the same history whether it is recorded or not', async () => {
    const [silent, told] = [await simulate(26), await simulate(26, { recording: true })]
    expect({ ...silent, history: [] }).toEqual({ ...told, history: [] })
  })
})

describe('every mutant', () => {
  it.each(mutants.flatMap(({ name, edits }) => edits.map((edit) => ({ name, ...edit }))))(
    'still finds the text it changes: $name',
    ({ file, from }) => {
      expect(readFileSync(join(root, file), 'utf8').split(from)).toHaveLength(2)
    },
  )
})
