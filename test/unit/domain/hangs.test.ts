import { describe, expect, it } from '@jest/globals'
import { type Hang, hangsAhead, noteHang, withoutHangs } from '../../../lib/domain/hangs'

const hang = (from: number, to = from, tries = 0) => ({ from, to, tries })

describe('what is known of ranges that hang', () => {
  it('is told anew for numbers that were asked again, and stays for the others', () => {
    expect(noteHang([hang(101, 200)], hang(150, 150, 1))).toEqual([hang(101, 149), hang(150, 150, 1), hang(151, 200)])
    expect(noteHang([hang(150, 150, 1)], hang(150, 150, 2))).toEqual([hang(150, 150, 2)])
    expect(withoutHangs([hang(101, 200), hang(300)], { from: 90, to: 180 })).toEqual([hang(181, 200), hang(300)])
  })

  it('is kept where somebody meets it again: at the checkpoint, behind it, or in a hole', () => {
    const hangs = [hang(10), hang(20), hang(30), hang(40)]
    expect(hangsAhead(hangs, 30, [{ from: 8, to: 12 }])).toEqual([hang(10), hang(30), hang(40)])
  })

  it('is little: its column has a limit', () => {
    const single = Array.from({ length: 90 }, (_, index) => hang(2 * index + 1))
    const many = single.reduce<ReadonlyArray<Hang>>(noteHang, [])
    expect(many).toHaveLength(20)
  })
})
