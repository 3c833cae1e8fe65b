import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import config from '../../../jest.config.mjs'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const { transform, ...project } = config.projects.find(({ displayName }) => displayName === 'simulation')
const [[compiled, [, options]], ...modules] = Object.entries(transform)
const planted = {
  ...project,
  rootDir: root,
  testTimeout: config.testTimeout,
  transform: {
    [compiled]: ['<rootDir>/test/simulation/cli/planted-transform.mjs', options],
    ...Object.fromEntries(modules),
  },
}
const jest = createRequire(import.meta.url).resolve('jest/bin/jest')

/** The first test of `file` (a name in test/simulation) that fails with the edits planted; none when all pass. */
export const failingIn = (file, edits) =>
  new Promise((resolve, reject) => {
    const parameters = ['--config', JSON.stringify(planted), '--json', '--runInBand', '--testPathPatterns', `${file}$`]
    const options = { cwd: root, env: { ...process.env, PLANTED: JSON.stringify(edits) }, maxBuffer: 2 ** 28 }
    execFile(process.execPath, [jest, ...parameters], options, (_error, stdout, stderr) => {
      try {
        const { numTotalTests, testResults } = JSON.parse(stdout)
        if (numTotalTests === 0) throw new Error(`no test of ${file} ran: ${testResults[0]?.message ?? stderr}`)
        const tests = testResults.flatMap(({ assertionResults }) => assertionResults)
        resolve(tests.find(({ status }) => status === 'failed')?.fullName)
      } catch (error) {
        reject(error)
      }
    })
  })
