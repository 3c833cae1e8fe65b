import { expect, it } from '@jest/globals'

// CI sets it in each job: npm scripts would bring the package's own Node, and a job could test another than it says.
const expected = process.env['EXPECTED_NODE_MAJOR']

it('runs on the Node that the CI job names, or on one that Azure runs', () => {
  const [major] = process.versions.node.split('.')
  expect(expected === undefined ? ['22', '24'] : [expected]).toContain(major)
})
