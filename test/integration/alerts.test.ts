import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { startFunctionsHost, type FunctionsHost } from '../../local/functions-host'
import { alertRules } from '../support/assert/alert-rules'
import { runCli, startCli } from '../support/world/cast-cli'
import { created, images } from '../support/world/cast-images'
import { until } from '../support/world/cast-until'
import { type CastWorld, type Overrides, useCastWorld } from '../support/world/cast-world'
import { compileCache } from '../support/world/compile-cache'

// Azure asks Application Insights for what the app has logged. Here the same queries are asked of the same lines.
const newWorld = useCastWorld()

const timer = 'castTimer'
const hosts: FunctionsHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

const bicep = readFileSync(join(__dirname, '..', '..', 'infra', 'modules', 'alerts.bicep'), 'utf8')
const firing = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  alertRules(bicep, 2)
    .filter(({ fires }) => fires(lines))
    .map(({ name }) => name)

/** What the timer function logs in one run. */
const linesOf = async (settings: Overrides): Promise<ReadonlyArray<string>> => {
  const env = { PATH: process.env['PATH'], ...compileCache, CastSchedule: '0 0 4 1 1 *', ...settings }
  const host = await startFunctionsHost({ env })
  hosts.push(host)
  await host.fire(timer)
  const lines = () => host.logs.filter(({ functionName }) => functionName === timer).map(({ message }) => message)
  await until(() => lines().some((line) => line.includes('"message":"cast"')), 'the line of the run')
  return lines()
}

const castOf = async (arrange: (world: CastWorld) => void, settings: Overrides = {}) => {
  const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00', ...settings } })
  arrange(world)
  return linesOf(world.environment())
}

const study = '1.2.3'
const bob = { patientId: 'P2', name: 'Stone^Bob', birthDate: '19510607', sex: 'M' }

describe('the alert rules, asked of what a run has logged', () => {
  it('are five, and each is understood', () => {
    expect(alertRules(bicep, 2).map(({ name }) => name)).toEqual([
      'no-successful-run',
      'lag',
      'new-failures',
      'identity-work-list',
      'access-denied',
    ])
  })

  it('are silent after a run that caught up, and after an idle one', async () => {
    expect(firing(await castOf(({ dicom }) => dicom.control.append(...images(3, { study }))))).toEqual([])
    expect(firing(await castOf(() => undefined))).toEqual([])
  })

  it('call when nothing is logged at all, or only by others', () => {
    expect(firing([])).toEqual(['no-successful-run'])
    expect(firing(['Host started', '{"level":"info","message":"replay","ended":"Done"}'])).toEqual([
      'no-successful-run',
    ])
  })

  it('call for the rows of entries that cannot be cast', async () => {
    const lines = await castOf(({ dicom }) => dicom.control.append(created({ study, patientId: null })))
    expect(firing(lines)).toEqual(['new-failures'])
  })

  it('call for a person when it is in doubt whose an image is', async () => {
    const lines = await castOf(({ dicom }) =>
      dicom.control.append(...images(3, { study }), created({ study, instance: 9, ...bob })),
    )
    expect(firing(lines)).toEqual(['new-failures', 'identity-work-list'])
  })

  it('call when too much is left', async () => {
    const lines = await castOf(({ dicom }) => dicom.control.append(...images(4, { study })), {
      DicomCast__BatchSize: '1',
    })
    expect(firing(lines)).toEqual(['lag'])
  })

  it.each(['401', '403'] as const)('call when FHIR or DICOM answers %s', async (fault) => {
    const append = ({ dicom }: CastWorld) => dicom.control.append(created({ study }))
    const denied = ['no-successful-run', 'access-denied']
    const byFhir = await castOf((world) => {
      append(world)
      world.fhir.faults.set([{ fault }])
    })
    expect(firing(byFhir)).toEqual(denied)
    const byDicom = await castOf((world) => {
      append(world)
      world.dicom.faults.set([{ fault }])
    })
    expect(firing(byDicom)).toEqual(denied)
  })

  it('call when the configuration is wrong', async () => {
    expect(firing(await linesOf({ DicomCast__BatchSize: 'many' }))).toEqual(['no-successful-run'])
  })
})

/** Every way to cast leaves the same line, wherever it goes. */
const ways: Readonly<Record<string, (world: CastWorld) => Promise<ReadonlyArray<string>>>> = {
  'the timer': (world) => linesOf(world.environment()),
  'a catch-up over HTTP': async (world) => {
    const host = await startFunctionsHost({
      env: { PATH: process.env['PATH'], ...compileCache, CastSchedule: '0 0 4 1 1 *', ...world.environment() },
    })
    hosts.push(host)
    // As many batches as the others take.
    await fetch(`${host.url}/api/catch-up?maxBatches=1`, { method: 'POST' })
    const lines = () => host.logs.filter(({ functionName }) => functionName === 'catchUp').map(({ message }) => message)
    await until(() => lines().some((line) => line.includes('"message":"cast"')), 'the line of the run')
    return lines()
  },
  'dicomcast cast --json': async (world) => (await runCli(['cast', '--json'], world.environment())).stdout.split('\n'),
  'dicomcast cast --watch --json': async (world) => {
    const running = startCli(['cast', '--watch', '--json'], world.environment({ CastSchedule: '0 0 4 1 1 *' }))
    await until(() => running.stdout().includes('\n'))
    running.child.kill('SIGTERM')
    return (await running.ended).stdout.split('\n')
  },
}

describe.each(Object.entries(ways))('the alert rules, asked of what %s has logged,', (_, linesOfWay) => {
  const after = async (arrange: (world: CastWorld) => void, settings: Overrides = {}) => {
    const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00', ...settings } })
    arrange(world)
    return firing(await linesOfWay(world))
  }

  it('are silent after a good run, and call for each thing that they are for', async () => {
    expect(await after(({ dicom }) => dicom.control.append(...images(3, { study })))).toEqual([])
    expect(
      await after(({ dicom }) =>
        dicom.control.append(...images(3, { study }), created({ study, instance: 9, ...bob })),
      ),
    ).toEqual(['new-failures', 'identity-work-list'])
    const denied = await after(({ dicom, fhir }) => {
      dicom.control.append(created({ study }))
      fhir.faults.set([{ fault: '403' }])
    })
    expect(denied).toEqual(['no-successful-run', 'access-denied'])
    const left = await after(({ dicom }) => dicom.control.append(...images(4, { study })), {
      DicomCast__BatchSize: '1',
    })
    expect(left).toEqual(['lag'])
  })
})

describe('a planted mistake is found', () => {
  const run = '{"level":"info","message":"cast","ended":"BatchDone","from":0,"to":1,"head":9,"failed":{},"codes":{}}'
  const firingWith = (good: string, bad: string) => {
    if (!bicep.includes(good)) throw new Error(`alerts.bicep does not hold ${good}`)
    return alertRules(bicep.replaceAll(good, bad), 2).filter(({ fires }) => fires([run]))
  }

  it.each([
    ['a word of the language as a name', `run['to']`, 'run.to', `to is no name: ['to']`],
    ['a column that is not there', 'tolong(run.head)', 'tolong(runs.head)', 'there is no column runs'],
    ['a function that does not exist', 'bag_keys(', 'bag_key(', 'not understood: bag_key'],
    ['an operator that does not exist', '| mv-expand', '| expand', 'not understood: expand'],
    ['a bracket that is missing', `tostring(run.ended) ==`, 'tostring(run.ended ==', ') expected'],
  ])('%s', (_, good, bad, found) => {
    expect(() => firingWith(good, bad)).toThrow(found)
  })
})
