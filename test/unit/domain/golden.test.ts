import { describe, expect, it } from '@jest/globals'
import { validateResource } from '../../../local/fhir/validate'
import { castGolden, goldenNames, readGolden } from '../../support/assert/domain-golden'

describe('golden files', () => {
  it('are at least a dozen', () => {
    expect(goldenNames.length).toBeGreaterThanOrEqual(12)
  })

  describe.each(goldenNames)('%s', (name) => {
    const golden = readGolden(name)

    it(golden.title, () => {
      const { resources, recorded = [], tags = [] } = golden.expected
      expect(castGolden(golden)).toEqual({ resources, recorded, tags })
    })

    it('expects nothing that R4 forbids', () => {
      const untouched = new Set((golden.existing ?? []).map((each) => JSON.stringify(each)))
      const written = golden.expected.resources.filter((each) => !untouched.has(JSON.stringify(each)))
      expect(written.flatMap(validateResource)).toEqual([])
    })

    it('writes nothing when it is cast again', () => {
      const again = castGolden({ ...golden, existing: golden.expected.resources })
      expect(again.resources).toEqual(golden.expected.resources)
    })
  })
})
