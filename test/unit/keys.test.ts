import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'
import { documentedRoutes } from '../support/assert/openapi'

const deploy = readFileSync(join(__dirname, '..', '..', 'docs', 'deploy.md'), 'utf8')
const listed = (name: string): ReadonlyArray<string> =>
  new RegExp(`^${name}="([^"]+)"$`, 'm').exec(deploy)?.[1]?.split(' ') ?? []

it('docs/deploy.md gives a key to each function that wants one: what reads, and what writes', () => {
  const keyed = documentedRoutes.filter(({ anonymous }) => !anonymous)
  expect([...listed('reading'), ...listed('writing')].sort()).toEqual(keyed.map(({ name }) => name).sort())
  // A preview is asked for by POST, and writes nothing.
  const reads = keyed.filter(({ verb, name }) => verb === 'GET' || name === 'preview').map(({ name }) => name)
  expect([...listed('reading')].sort()).toEqual(reads.sort())
})
