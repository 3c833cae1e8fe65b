import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from '@jest/globals'
import { emptyFolder, jsonLines, runCli } from '../support/world/cast-cli'
import { created } from '../support/world/cast-images'
import { lineFields } from '../support/assert/cast-report'
import { useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const wrong = {
  DicomWeb__Endpoint: 'ftp://dicom.example',
  DicomCast__BatchSize: 'many',
  CastSchedule: 'hourly',
  AzureWebJobsStorage: 'AccountKey=bm90IGEgc2VjcmV0',
}
const withSettings = (content: string): string => {
  const folder = emptyFolder()
  writeFileSync(join(folder, 'local.settings.json'), content)
  return folder
}

describe('a configuration that is not complete', () => {
  it('ends with 2 and names every problem on stderr, each with what is expected and none with its value', async () => {
    const { code, stdout, stderr } = await runCli(['cast'], wrong)
    expect([code, stdout]).toEqual([2, ''])
    expect(
      stderr
        .split('\n')
        .map((line) => /^ {2}(\w+): /.exec(line)?.[1])
        .filter(Boolean),
    ).toEqual(['DicomWeb__Endpoint', 'Fhir__Endpoint', 'CastSchedule', 'DicomCast__BatchSize', 'AzureWebJobsStorage'])
    for (const value of Object.values(wrong)) expect(stderr).not.toContain(value)
  })

  it('is a line of JSON with the same fields, too', async () => {
    const { code, stdout, stderr } = await runCli(['cast', '--json'], wrong)
    const [report = {}, ...others] = jsonLines(stdout)
    expect([code, others, Object.keys(report)]).toEqual([2, [], lineFields])
    expect(report).toMatchObject({ ended: 'ConfigurationInvalid', entries: 0, failed: {} })
    expect(report['reason']).toMatch(/^the configuration has 5 problems: [^\n]*$/)
    expect(stderr).toContain('Fhir__Endpoint')
  })

  it('ends watching at once', async () => {
    const { code } = await runCli(['cast', '--watch'], wrong)
    expect(code).toBe(2)
  })
})

describe('local.settings.json', () => {
  it('is read from the current folder, and what the environment names counts before it', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study: '1.2.3' }), created({ study: '1.2.4' }))
    const Values = { ...world.environment(), DicomCast__BatchSize: 'many', DicomCast__StartFrom: '1' }
    const folder = withSettings(JSON.stringify({ IsEncrypted: false, Values }))
    const { code, stdout } = await runCli(['cast', '--json'], { DicomCast__BatchSize: '100' }, folder)
    expect([code, jsonLines(stdout)]).toMatchObject([0, [{ ended: 'CaughtUp', from: 1, to: 2 }]])
  })

  it('may name numbers and booleans as such', async () => {
    const world = await newWorld()
    world.dicom.control.append(created({ study: '1.2.3' }), created({ study: '1.2.4' }))
    const Values = { ...world.environment(), DicomCast__BatchSize: 1, Patient__MatchGuard: false }
    const { code, stdout } = await runCli(['cast', '--json'], {}, withSettings(JSON.stringify({ Values })))
    expect([code, jsonLines(stdout)]).toMatchObject([0, [{ ended: 'BatchDone', to: 1 }]])
  })

  it.each(['Values:', '[]', '{"Values":[]}'])('that cannot be read is a wrong configuration: %s', async (content) => {
    const { code, stdout, stderr } = await runCli(['cast', '--json'], {}, withSettings(content))
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^dicomcast: local\.settings\.json [^\n]*\n$/)
  })
})

describe('options', () => {
  it.each([
    [['--max-batches', '0']],
    [['--max-batches', '1', '--until-caught-up']],
    [['--budget', 'soon']],
    [['--frob']],
    [['surplus']],
  ])('that are wrong end with 2 and one line on stderr: %j', async (options) => {
    const { code, stdout, stderr } = await runCli(['cast', ...options])
    expect([code, stdout, stderr.trim().split('\n').length]).toEqual([2, '', 1])
  })

  it('--help tells the options and the exit codes, and ends with 0', async () => {
    const { code, stdout, stderr } = await runCli(['cast', '--help'])
    expect([code, stderr]).toEqual([0, ''])
    for (const word of [
      '--until-caught-up',
      '--max-batches',
      '--watch',
      '--budget',
      '--json',
      'Exit codes',
      'LeaseHeld',
    ]) {
      expect(stdout).toContain(word)
    }
  })
})
