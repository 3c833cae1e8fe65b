import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TableClient } from '@azure/data-tables'
import { startAzurite } from '../../local/azurite'
import { startFhirService } from '../../local/fhir/service'
import { startOrthanc } from '../../local/orthanc'
import { openOrthanc } from '../orthanc/orthanc-client'
import { type Exchange, startProxy } from './proxy'

// What a comparison with an Orthanc costs: the compiled command behind proxies that count, and from it what 300,000 studies cost.

const command = join(__dirname, '..', '..', 'dist', 'cli', 'dicomcast.js')
const [target, latencyMs, fullDays] = [300_000, 20, 30]

type Counts = ReadonlyMap<string, number>

interface Measured {
  readonly counts: Counts
  readonly ms: number
  readonly said: Readonly<Record<string, unknown>>
}

const kindOfOrthanc = ({ path }: Exchange): string => {
  if (path.endsWith('/metadata')) return 'Orthanc: metadata of a study'
  if (path.startsWith('/dicom-web/studies?')) return 'Orthanc: counts of 50 studies (QIDO-RS)'
  if (path.startsWith('/studies?')) return 'Orthanc: 1,000 studies of its list'
  return 'Orthanc: the rest'
}
const kindOfFhir = ({ method, path, headers }: Exchange): string => {
  if (headers['x-bundle-processing-logic'] === 'sequential') return 'FHIR: transactions'
  return method === 'GET' && path.startsWith('/ImagingStudy?') ? 'FHIR: list of studies' : 'FHIR: searches and reads'
}

const openBench = async () => {
  const [azurite, fhir, orthanc] = [
    await startAzurite(),
    await startFhirService({ validate: false }),
    await startOrthanc(),
  ]
  let counts = new Map<string, number>()
  const seen = (kindOf: (exchange: Exchange) => string) => (exchange: Exchange) => {
    const kind = kindOf(exchange)
    counts.set(kind, (counts.get(kind) ?? 0) + 1)
  }
  const proxies = [
    await startProxy(orthanc.url, 0, seen(kindOfOrthanc)),
    await startProxy(fhir.url, 0, seen(kindOfFhir), true),
    await startProxy(
      azurite.tableUrl,
      0,
      seen(() => 'storage: tables'),
    ),
  ] as const
  const [archive, server, tables] = proxies
  const env = {
    ...{ PATH: process.env['PATH'] ?? '', DicomWeb__Source: 'orthanc', DicomWeb__Endpoint: orthanc.dicomWebUrl },
    ...{ DicomWeb__PrivateEndpoint: `${archive.url}/dicom-web`, Fhir__Endpoint: server.url },
    AzureWebJobsStorage: azurite.connectionString.replace(new URL(azurite.tableUrl).origin, new URL(tables.url).origin),
  }
  const run = async (...args: ReadonlyArray<string>): Promise<Measured> => {
    counts = new Map()
    const begun = Date.now()
    const child = spawn(process.execPath, [command, ...args, '--json'], {
      ...{ env, cwd: tmpdir(), stdio: ['ignore', 'pipe', 'inherit'] },
    })
    let stdout = ''
    child.stdout?.on('data', (chunk) => (stdout += String(chunk)))
    await once(child, 'close')
    const said = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Readonly<Record<string, unknown>>
    return { counts, ms: Date.now() - begun, said }
  }
  /** As if each study had been read whole so many days ago. */
  const age = async (): Promise<void> => {
    const table = TableClient.fromConnectionString(azurite.connectionString, 'StudiesTable', {
      allowInsecureConnection: true,
    })
    const ReadAt = new Date(Date.now() - (fullDays + 1) * 86_400_000)
    const filter = "PartitionKey eq 'Seen'"
    for await (const { partitionKey = '', rowKey = '' } of table.listEntities({ queryOptions: { filter } })) {
      await table.updateEntity({ partitionKey, rowKey, ReadAt }, 'Merge')
    }
  }
  return {
    ...{ orthanc: openOrthanc(orthanc), run, age },
    close: async () => {
      for (const proxy of proxies) proxy.close()
      await Promise.all([orthanc.close(), fhir.close(), azurite.close()])
    },
  }
}

const sumOf = (counts: Counts): number => [...counts.values()].reduce((sum, each) => sum + each, 0)

const print = (title: string, { counts, ms, said }: Measured): void => {
  const { compared, read, differing, gone, entries } = said
  console.log(`\n${title}: ${JSON.stringify({ ended: said['ended'], entries, compared, read, differing, gone })}`)
  for (const [kind, count] of [...counts].toSorted()) console.log(`  ${kind.padEnd(42)} ${String(count).padStart(7)}`)
  console.log(`  ${'together'.padEnd(42)} ${String(sumOf(counts)).padStart(7)}   ${(ms / 1_000).toFixed(1)} s`)
}

interface Cost {
  readonly requests: number
  readonly ms: number
}

const sayNight = (what: string, ...costs: ReadonlyArray<Cost>): void => {
  const requests = costs.reduce((sum, each) => sum + each.requests, 0)
  const ownMs = costs.reduce((sum, each) => sum + each.ms, 0)
  const minutes = (ms: number): string => (ms / 60_000).toFixed(1)
  console.log(
    `  ${what}: ${Math.round(requests).toLocaleString('en')} requests, ${minutes(requests * latencyMs)} minutes, and ` +
      `${minutes(ownMs)} of our own and of the servers on this machine`,
  )
}

export const measureWalk = async (studies: number): Promise<void> => {
  const bench = await openBench()
  const { orthanc, run, age } = bench
  try {
    for (let study = 1; study <= studies; study++) {
      const image = { study: `1.2.40.${study}`, patientId: `P${study}` }
      await orthanc.store(image, { ...image, instance: 2 })
    }
    print(`cast of ${studies} studies of two images, by the log`, await run('cast', '--until-caught-up'))
    const same = await run('reconcile')
    print('a comparison where nothing has changed', same)
    for (let study = 1; study <= studies / 100; study++)
      await orthanc.remove('studies', await orthanc.idOf(`1.2.40.${study}`))
    const changed = await run('reconcile')
    print('one study of a hundred deleted', changed)
    await age()
    const whole = await run('reconcile')
    print('each study read whole, as once in 30 days', whole)

    const times = target / studies
    const due = target / fullDays / (studies - Math.floor(studies / 100))
    const quiet = { requests: sumOf(same.counts) * times, ms: same.ms * times }
    const deleted = { requests: sumOf(changed.counts) * times, ms: changed.ms * times }
    const read = { requests: sumOf(whole.counts) * due, ms: whole.ms * due }
    console.log(`\n${target.toLocaleString('en')} studies, one request after another, ${latencyMs} ms each:`)
    sayNight('a night in which nothing has changed', quiet)
    sayNight(`and ${target / fullDays} studies are read whole, as once in ${fullDays} days`, quiet, read)
    sayNight('and one study of a hundred was deleted', deleted, read)
  } finally {
    await bench.close()
  }
}
