import { expect, it } from '@jest/globals'
import { readHints } from '../../../lib/requests/hints'

it.each([
  ['one study', '{"studyInstanceUid": "1.2.3"}', ['1.2.3']],
  ['a list of them', '[{"studyInstanceUid": "1.2.3"}, {"studyInstanceUid": "1.2.4"}]', ['1.2.3', '1.2.4']],
  ['UIDs alone, each once', '["1.2.3", "1.2.3"]', ['1.2.3']],
])('hears %s', (_, body, uids) => {
  expect(readHints(body)).toEqual({ _tag: 'Right', right: uids })
})

it.each([
  ['nothing', ''],
  ['no UID', '{"studyInstanceUid": "1.2.3/../../patients"}'],
  ['another member', '{"uid": "1.2.3"}'],
  ['one that is no UID among others', '["1.2.3", 4]'],
  ['too many', JSON.stringify(Array.from({ length: 101 }, (_, index) => `1.${index}`))],
])('refuses %s', (_, body) => {
  expect(readHints(body)._tag).toBe('Left')
})
