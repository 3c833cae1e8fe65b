import '../simulation/cases/doses'
import '../simulation/cases/notes'
import '../simulation/cases/whose'
import { expect, it } from '@jest/globals'
import { expectEnd, told } from '../simulation/cases/told'
import { isForHapi, useHapiStories } from './hapi-story'

// Whose each image and each dose is, on a server that is not ours: D1 to D9 (D6 stands in dose.test.ts), R1 to R4, W1, W4 to W7e, W12
// to W17. V1 to V3b, W10 and W11 stand in operate.test.ts.

const play = useHapiStories()

it.each(told.filter(({ story }) => isForHapi(story)))('$claim', async (each) => {
  const { end, store } = await play(each)
  expectEnd(end, each)
  each.more(store)
})

it('the stories that are left out are those of servers that HAPI is not, of Patients without a system, and of changes without a row', () => {
  expect(told.filter(({ story }) => !isForHapi(story)).map(({ claim }) => claim)).toEqual([
    'D5: and so it is when its last image goes long after the report',
    'D5: and it is the new person’s when its study moves long after the report has gone',
    'a study whose instances get other UIDs without a row of deletion goes with its doses',
    'and a study that keeps other images loses the doses of the report that has left it',
    'a summary that somebody made a member of another is none any more when its report goes',
    'R2: a note that got another StudyInstanceUID is one note, and withdraws on',
    'R2: and its images come back when it is deleted there',
    'R3: an image that has other UIDs by now has its row where the note says that it is',
    'R1: what could not be read for a while is withdrawn all the same',
    'W2: a server that takes an escaped separator for one gives nobody another person’s study',
    'W3: a server to which ß is ss gives nobody another person’s study',
    'W3: nor does one that knows no case',
    'W3c: a server that knows no case never hangs a new person’s study on another whom the same rows name, not even for a moment',
    'W3c: nor when both are new',
    'W3b: two new people whose names are one to the server’s index are two, or ambiguous, and never one',
    'a study of which nothing can be read, and one image stands recorded, does not keep the deletion of another waiting',
    'W16: a PatientID without an issuer and the same one of an issuer are two people, whoever comes first',
    'images that get other UIDs wait until they are gone from where they were, and newer rows of their study wait with them',
    'an image that got other UIDs is gone from where it was, also when one of the others cannot be read there',
    'an image that got other UIDs is gone from where it was, also when the only other image cannot be read there',
    'an image that got other UIDs, was deleted under them and stored again, is gone from where it was first',
    'images that stand in the study of their own Patient stay there when he was corrected and others come in',
    'a study does not move to a Patient whom its images do not fit: no row would tell that they went',
    'an image at which FHIR always fails keeps none of another study out, when what they were at odds with is gone',
    'a study that somebody deleted in FHIR is not given to the stray of it',
    'a newer study that stands emptied, since FHIR refuses its deletion, keeps no older one from telling what its Patient is called',
  ])
})
