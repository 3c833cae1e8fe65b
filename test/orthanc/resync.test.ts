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
})
