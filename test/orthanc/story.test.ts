import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from '@jest/globals'
import { BlobServiceClient } from '@azure/storage-blob'
import { type Exchange, startProxy } from '../bench/proxy'
import { compileCache } from '../support/world/compile-cache'
import { liveIn } from './archive-life'
import { type OrthancWorld, useOrthancWorld } from './orthanc-world'

// 200 studies, changes of every kind while the compiled product runs, which is killed twice; then both sides are equal.

const newWorld = useOrthancWorld()
/** Another one is another story. */
const seed = Number(process.env['ORTHANC_SEED'] ?? 7)
const command = join(__dirname, '..', '..', 'dist', 'cli', 'dicomcast.js')

const closers: Array<() => void> = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

interface Ended {
  readonly code: number | null
  readonly stdout: string
}

/** Is it this request at which the process is to die? */
type Death = (exchange: Exchange) => boolean

const nth = (count: number, matches: (exchange: Exchange) => boolean): Death => {
  let seen = 0
  return (exchange) => matches(exchange) && ++seen === count
}

/** The product behind proxies that see each of its requests. */
const openProduct = async ({ orthanc, fhir, environment }: OrthancWorld) => {
  let watched: ((exchange: Exchange) => void) | undefined
  const counts = { orthanc: 0, fhir: 0 }
  const seen = (side: keyof typeof counts) => (exchange: Exchange) => {
    counts[side] += 1
    watched?.(exchange)
  }
  const archive = await startProxy(orthanc.url, 0, seen('orthanc'))
  const server = await startProxy(fhir.url, 0, seen('fhir'), true)
  closers.push(archive.close, server.close)
  const env = {
    ...compileCache,
    ...environment({ DicomWeb__PrivateEndpoint: `${archive.url}/dicom-web`, Fhir__Endpoint: server.url }),
  }
  /** `during` begins with its third write. */
  const run = async (
    args: ReadonlyArray<string>,
    { death, during }: { readonly death?: Death; readonly during?: () => Promise<void> } = {},
  ): Promise<Ended> => {
    const child = spawn(process.execPath, [command, ...args, '--json'], {
      ...{ env, cwd: tmpdir(), stdio: ['ignore', 'pipe', 'inherit'] },
    })
    const isBegun = nth(3, isWrite)
    let meanwhile: Promise<void> | undefined
    watched = (exchange) => {
      if (child.killed) throw new Error('it has ended')
      if (isBegun(exchange)) meanwhile = during?.()
      if (death?.(exchange) === true) child.kill('SIGKILL')
    }
    let stdout = ''
    child.stdout?.on('data', (chunk) => (stdout += String(chunk)))
    const [code] = (await once(child, 'close')) as [number | null]
    await meanwhile
    return { code, stdout: stdout.trim().split('\n').at(-1) ?? '' }
  }
  const breakLease = async (): Promise<void> => {
    const { AzureWebJobsStorage = '', TableStore__TableNamePrefix = '' } = env as Record<string, string>
    await BlobServiceClient.fromConnectionString(AzureWebJobsStorage)
      .getContainerClient('dicomcast')
      .getBlobClient(`${TableStore__TableNamePrefix.toLowerCase()}cast-lease`)
      .getBlobLeaseClient()
      .breakLease(0)
  }
  return { run, breakLease, counts }
}

const cast = ['cast', '--until-caught-up']
const isWrite: Death = ({ method, headers }) =>
  method === 'POST' && headers['x-bundle-processing-logic'] === 'sequential'
const isReading: Death = ({ path }) => path.endsWith('/metadata')

it('200 studies, changes of every kind while it runs, two kills, a comparison: both sides are equal', async () => {
  const world = await newWorld({ orthanc: { overwriteInstances: true } })
  const { orthanc, client, expectEqual } = world
  const { run, breakLease, counts } = await openProduct(world)
  const life = liveIn(client, seed)
  await life.arrive(200)

  const killed = await run(cast, { death: nth(80, isWrite), during: () => life.change(33) })
  expect(killed.code).toBeNull()
  await breakLease()
  await run(cast, { during: () => life.change(33) })
  // Nobody will ever read of these in the log.
  await life.change(11)
  await client.clearChanges()
  await orthanc.kill()
  await orthanc.start()
  const killedAgain = await run(['reconcile'], { death: nth(20, isReading), during: () => life.change(22) })
  expect([killedAgain.code, life.told()]).toEqual([null, expect.objectContaining({ corrected: 9 })])
  await breakLease()
  const [castAgain, compared] = [await run(cast), await run(['reconcile'])]
  expect([castAgain.code, compared.code, compared.stdout]).toEqual([0, 0, expect.stringContaining('"ended":"Done"')])

  const studies = (await client.get<ReadonlyArray<string>>('/studies')).length
  await expectEqual(studies)
  const again = await run(['reconcile'])
  expect(JSON.parse(again.stdout)).toMatchObject({ compared: studies, read: 0, differing: 0, gone: 0 })

  const before = { ...counts }
  await life.continueStudies(40)
  expect((await run(cast)).code).toBe(0)
  const perStudy = (side: keyof typeof counts): string => ((counts[side] - before[side]) / 40).toFixed(1)
  console.log(
    `${studies} studies at the end, after ${JSON.stringify(life.told())}. A changed study costs ${perStudy('orthanc')} requests to ` +
      `Orthanc and ${perStudy('fhir')} to FHIR, those of the start of a process among them.\nThe comparison: ${compared.stdout}`,
  )
  // A bound, not an expectation.
}, 240_000)
