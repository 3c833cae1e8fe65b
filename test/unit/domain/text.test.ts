import { describe, expect, it } from '@jest/globals'
import { rememberTexts } from '../../../lib/domain/text'

const counting = () => {
  const asked: Array<string> = []
  const read = rememberTexts((text) => {
    asked.push(text)
    return text.toUpperCase()
  })
  return { asked, read }
}

describe('rememberTexts', () => {
  it('looks at a text once', () => {
    const { asked, read } = counting()
    expect(['a', 'b', 'a', 'a'].map(read)).toEqual(['A', 'B', 'A', 'A'])
    expect(asked).toEqual(['a', 'b'])
  })

  it('remembers no long text, and not more than so many: both come from outside', () => {
    const { asked, read } = counting()
    const long = 'x'.repeat(65)
    for (const text of [long, long]) read(text)
    for (let index = 0; index < 10_000; index++) read(`${index}`)
    for (const text of ['one more', 'one more']) read(text)
    expect(asked.filter((text) => text === long)).toHaveLength(2)
    expect(asked.filter((text) => text === 'one more')).toHaveLength(2)
  })
})
