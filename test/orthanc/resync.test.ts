import { describe, expect, it } from '@jest/globals'
import { useOrthancWorld } from './orthanc-world'

// What needs no feed: whole studies, read from Orthanc and repaired in FHIR.

const newWorld = useOrthancWorld()

const description = (text: string) => ({ '00081030': { vr: 'LO', Value: [text] } })

describe('verify --all --repair', () => {
  it('brings what Orthanc holds into FHIR, then finds nothing', async () => {
    const { run, store, expectEqual } = await newWorld()
    await store({ study: '1.2.1' }, { study: '1.2.1', instance: 2 }, { study: '1.2.1', series: 2 })
    await store({ study: '1.2.2', patientId: 'P2', name: 'Berg^Ola', sex: 'M', elements: description('Thorax') })
    expect(await run('verify', '--all', '--repair')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 studies compared: 2 studies differ, 2 repaired'),
    })
    await expectEqual(2)
    expect(await run('verify', '--all')).toMatchObject({ code: 0, stdout: '2 studies compared: all in step\n' })
  })

  it('reads 1,000 instances of one study in one request', async () => {
    const { run, store, expectEqual } = await newWorld()
    await store(...Array.from({ length: 1_000 }, (_, index) => ({ series: 1 + (index % 4), instance: index + 1 })))
    expect(await run('verify', '--all', '--repair')).toMatchObject({ code: 0 })
    await expectEqual(1)
  })

  it('says who it is by a password (docs/access.md)', async () => {
    const { runWith, store, expectEqual } = await newWorld({
      orthanc: { users: { cast: 'open sesame' } },
      user: 'cast:open sesame',
      settings: { DicomWeb__Authentication__Mode: 'basic', DicomWeb__Authentication__Username: 'cast' },
    })
    await store({})
    const [wrong, right] = ['open', 'open sesame'].map((password) => ({
      DicomWeb__Authentication__Password: password,
    }))
    expect(await runWith(wrong ?? {}, 'verify', '--all')).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/401/),
    })
    expect(await runWith(right ?? {}, 'verify', '--all', '--repair')).toMatchObject({ code: 0 })
    await expectEqual(1)
  })
})
