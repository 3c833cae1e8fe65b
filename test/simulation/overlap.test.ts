import { describe, expect, it } from '@jest/globals'
import { type Story, create, endAfter, ending } from './cases/told'

// The second of two batches is looked up while the first is written, and what the first creates is what the second needs. Of each
// story a study stands there before: a transaction that writes the Endpoint makes every look-up old.

const seeds = Array.from({ length: 20 }, (_, index) => index + 1)
const rowByRow = { behind: () => false, batchSize: 1 }
const before = [[create(9, 1, 'P9')]]

const alike: Story = {
  ...{ before, flavour: { folds: (value) => value.toLowerCase() } },
  then: [[create(1, 1, 'ab-1')], [create(2, 1, 'AB-1')]],
}

describe('a batch that is looked up beside the one before', () => {
  it.each(seeds)(
    'hangs nothing on whom the server takes for its Patient, and who is only created: seed %i',
    async (seed) => {
      const { services: _services, ...end } = await endAfter(alike, rowByRow, seed)
      expect(end).toEqual(ending({ '1': 'ab-1: 1', '9': 'P9: 1' }, { rows: ['2 1 PatientAmbiguous'] }))
    },
  )
})
