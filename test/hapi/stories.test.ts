import '../simulation/cases/doses'
import '../simulation/cases/whose'
import { expect, it } from '@jest/globals'
import { expectEnd, told } from '../simulation/cases/told'
import { isForHapi, useHapiStories } from './hapi-story'

// Whose each image and each dose is, on a server that is not ours: D1 to D9 (D6 stands in dose.test.ts), W1, W4 to W7e, W12 to W17 but W13.

const play = useHapiStories()

it.each(told.filter(({ story }) => isForHapi(story)))('$claim', async (each) => {
  const { end, store } = await play(each)
  expectEnd(end, each)
  each.more(store)
})

it('the stories that are left out are those of other servers, and of changes without a row', () => {
  expect(told.filter(({ story }) => !isForHapi(story)).map(({ claim }) => claim)).toEqual([
    'D5: and so it is when its last image goes long after the report',
    'D5: and it is the new person’s when its study moves long after the report has gone',
    'a study whose instances get other UIDs without a row of deletion goes with its doses',
    'and a study that keeps other images loses the doses of the report that has left it',
    'W2: a server that takes an escaped separator for one gives nobody another person’s study',
    'W3: a server to which ß is ss gives nobody another person’s study',
    'W3: nor does one that knows no case',
    'W3b: two new people whose names are one to the server’s index are two, or ambiguous, and never one',
    'a study of which nothing can be read, and one image stands recorded, does not keep the deletion of another waiting',
    'W13: a study whose subject is on another server takes the images of one person, and keeps its subject',
    'images that get other UIDs wait until they are gone from where they were, and newer rows of their study wait with them',
    'an image that got other UIDs, was deleted under them and stored again, is gone from where it was first',
  ])
})
