import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from '@jest/globals'

const read = (name: string): string => readFileSync(join(__dirname, '..', '..', 'docs', name), 'utf8')
/** How many images the feed's own catch-up is said to be the better choice for, wherever that is said. */
const limitsIn = (text: string): ReadonlyArray<string | undefined> =>
  [...text.matchAll(/(?:up to about|less than) ([\w\s]+?) images/g)].map(([, limit]) => limit)

it('the documents say one number of images up to which the feed is better than a backfill', () => {
  expect(limitsIn(read('backfill.md'))).toEqual(['two million'])
  expect(limitsIn(read('deploy.md'))).toEqual(['two million', 'two million'])
})
