import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { studyPages } from '../../../../lib/app/operate/study-pages'
import type { Run } from '../../../../lib/app/context'

const run = { ports: {} } as Run

/** An archive whose list changes before a page is read; newest first, and the order inside a page means nothing. */
const walk = async (
  list: Array<string>,
  before: (reads: number, list: Array<string>) => void = () => undefined,
  from = 0,
): Promise<{ readonly seen: ReadonlyArray<string>; readonly reads: number; readonly failed: boolean }> => {
  let [reads, failed] = [0, false]
  const studies = (_partition: string, offset: number, limit: number) => () => {
    before(++reads, list)
    return Promise.resolve(E.right([...list.slice(offset, offset + limit)].reverse()))
  }
  const seen: Array<string> = []
  for await (const page of studyPages(run, { studies }, 'p', from, 100, new Set())) {
    if (E.isLeft(page)) failed = true
    else seen.push(...page.right.studies)
  }
  return { seen, reads, failed }
}

const studiesUpTo = (count: number): Array<string> =>
  Array.from({ length: count }, (_, index) => `1.2.${count - index}`)

describe('the pages of a list of studies', () => {
  it.each([0, 1, 99, 100, 101, 250])('have all of %i studies, each once', async (count) => {
    const { seen } = await walk(studiesUpTo(count))
    expect([...seen].sort()).toEqual(studiesUpTo(count).sort())
  })

  it('have a study once that a page names twice', async () => {
    const { seen } = await walk(['1.2.2', '1.2.1', '1.2.2'])
    expect([...seen].sort()).toEqual(['1.2.1', '1.2.2'])
  })

  it.each([1, 15, 50, 150])(
    'miss no study that is there all the time, when %i are deleted before each page',
    async (some) => {
      const kept = new Set(studiesUpTo(3_000).filter((_, index) => index % 3 === 0))
      const list = studiesUpTo(3_000)
      const { seen, failed } = await walk(list, (_, all) => {
        let left = some
        for (let index = 0; index < all.length && left > 0;) {
          if (kept.has(all[index] ?? '')) index += 1
          else {
            all.splice(index, 1)
            left -= 1
          }
        }
      })
      const found = new Set(seen)
      expect([failed, [...kept].filter((uid) => !found.has(uid))]).toEqual([false, []])
      expect(seen).toHaveLength(found.size)
    },
  )

  it.each([10, 100, 700])('miss none when %i new ones come in front before the third page', async (some) => {
    const { seen } = await walk(studiesUpTo(1_000), (reads, all) => {
      if (reads === 3) all.unshift(...Array.from({ length: some }, (_, index) => `9.${index}`))
    })
    const found = new Set(seen)
    expect(studiesUpTo(1_000).filter((uid) => !found.has(uid))).toEqual([])
    expect(seen).toHaveLength(found.size)
  })

  it('go on behind a page that is empty or short before the end', async () => {
    const list = studiesUpTo(400)
    const all = [...list]
    const studies = (_partition: string, offset: number, limit: number) => () => {
      // The first images of these studies are still on their way.
      const shown = all
        .slice(offset, offset + limit)
        .filter((_, index) => offset + index < 100 || offset + index >= 220)
      return Promise.resolve(E.right(shown))
    }
    const seen: Array<string> = []
    for await (const page of studyPages(run, { studies }, 'p', 0, 100, new Set())) {
      if (E.isRight(page)) seen.push(...page.right.studies)
    }
    const expected = all.filter((_, index) => index < 100 || index >= 220)
    expect(expected.filter((uid) => !seen.includes(uid))).toEqual([])
  })

  const bounded = async (
    page: (list: ReadonlyArray<string>, offset: number, limit: number) => ReadonlyArray<string>,
  ) => {
    let reads = 0
    const studies = (_partition: string, offset: number, limit: number) => () => {
      if (++reads > 500) throw new Error('it does not end')
      return Promise.resolve(E.right(page(studiesUpTo(450), offset, limit)))
    }
    const seen: Array<string> = []
    let failed = false
    for await (const each of studyPages(run, { studies }, 'p', 0, 100, new Set())) {
      if (E.isLeft(each)) failed = true
      else seen.push(...each.right.studies)
    }
    return { seen, failed }
  }

  it.each([4, 10, 50, 99])('have all of it where the archive gives no more than %i at once', async (most) => {
    const { seen, failed } = await bounded((list, offset, limit) => list.slice(offset, offset + Math.min(most, limit)))
    expect([failed, seen.length]).toEqual([false, 450])
  })

  it.each([
    ['the offset', (list: ReadonlyArray<string>, _: number, limit: number) => list.slice(0, limit)],
    ['offset and limit', (list: ReadonlyArray<string>) => list],
  ])('end with a failure where the archive ignores %s', async (_, page) => {
    expect(await bounded(page)).toMatchObject({ failed: true })
  })

  it('end with a failure where the list never holds still', async () => {
    let made = 0
    const { failed } = await walk(studiesUpTo(300), (_, all) => {
      all.splice(0, all.length, ...Array.from({ length: 300 }, () => `7.${++made}`))
    })
    expect(failed).toBe(true)
  })
})
