import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import { sharedReads } from '../../../lib/composition/shared-reads'

/** A read that ends when it is told to. */
const newRead = () => {
  let end: () => void = () => undefined
  let isAsked = false
  const ended = new Promise<E.Either<never, string>>((resolve) => {
    end = () => resolve(E.right('read'))
  })
  const read = () => {
    isAsked = true
    return ended
  }
  return { read, end, isAsked: () => isAsked }
}

const soon = () => new Promise((resolve) => setImmediate(resolve))

describe('shared reads', () => {
  it('lets no more through at once, and whoever asked first is first', async () => {
    const { sharing } = sharedReads(2)
    const reads = Array.from({ length: 4 }, newRead)
    const all = Promise.all(reads.map(({ read }) => sharing(read)()))
    await soon()
    expect(reads.map(({ isAsked }) => isAsked())).toEqual([true, true, false, false])
    reads[1]?.end()
    await soon()
    expect(reads.map(({ isAsked }) => isAsked())).toEqual([true, true, true, false])
    for (const { end } of reads) end()
    expect(await all).toEqual(reads.map(() => E.right('read')))
  })

  it('gives the place of a read that threw to the next one', async () => {
    const { sharing } = sharedReads(1)
    const broken = sharing<never, string>(() => Promise.reject(new Error('killed')))()
    const next = sharing(() => Promise.resolve(E.right('read')))()
    await expect(broken).rejects.toThrow('killed')
    expect(await next).toEqual(E.right('read'))
    expect(await sharing(() => Promise.resolve(E.right('again')))()).toEqual(E.right('again'))
  })
})
