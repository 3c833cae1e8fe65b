import { expect, it } from '@jest/globals'
import { dicomcast } from '../support/world/command-line'

// The compiled command as a person runs it: npm start -- --orthanc --once.

it('local stack --orthanc casts the sample files from a real Orthanc', async () => {
  const { PATH = '' } = process.env
  const { code, stdout, stderr } = await dicomcast({ PATH }, 'local', 'stack', '--orthanc', '--once', '--port', '0')
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^DICOM +http:\/\/127\.0\.0\.1:\d+\/dicom-web \(Orthanc\)$/m)
  expect(stdout).toMatch(/^Compare +Done {2}9 studies compared, 0 read, 0 differing, 0 gone$/m)
  expect(stdout).toMatch(/^Checkpoint: (\d+) of \1 in Orthanc's log$/m)
  expect(stdout).toMatch(
    /^Counts: 31 instances stored, 0 refused; 5 studies, 4 patients, 2 dose observations; rows: 1 InvalidDicomTagExceptionTable, 4 DicomFail/m,
  )
})

it('cannot be had together with a DICOM service of yours', async () => {
  const { code, stderr } = await dicomcast({}, 'local', 'stack', '--orthanc', '--dicomweb', 'http://127.0.0.1:1')
  expect([code, stderr]).toEqual([2, "error: option '--orthanc' cannot be used with option '--dicomweb <url>'\n"])
})
