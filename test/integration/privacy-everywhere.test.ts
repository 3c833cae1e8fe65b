import { describe, expect, it } from '@jest/globals'
import { TableClient, TableServiceClient } from '@azure/data-tables'
import { BlobServiceClient } from '@azure/storage-blob'
import { dictionary } from '../../lib/domain/dicom/tags'
import { startFunctionsHost } from '../../local/functions-host'
import type { Spoil } from '../processes/gate'
import { type ProcessWorld, openWorld } from '../processes/world'
import { useAzurite } from '../support/world/azurite'
import { created, type Image } from '../support/world/cast-images'
import { compileCache } from '../support/world/compile-cache'

// A canary of its own in every tag of every dataset, the UIDs left out; FHIR repeats what it was sent when it refuses.
// Whatever the app writes anywhere but into Patients and ImagingStudies is searched for any of them.

const azurite = useAzurite()

// Letters and digits alone: escaping and encoding leave it as it is, and no code of ours looks like it.
const canary = /KAN4RI/i
const sing = (tag: string): string => `KAN4RI${tag}`

/** A value of this VR that holds a canary: a legal one, where the VR leaves room for it. */
const valueOf = (vr: string, tag: string, depth = 0): unknown => {
  switch (vr) {
    case 'PN':
      return { Alphabetic: `${sing(tag)}^A${sing(tag)}`, Ideographic: sing(`i${tag}`), Phonetic: sing(`p${tag}`) }
    case 'SQ':
      return depth > 1 ? {} : Object.fromEntries(everyTag(depth + 1))
    case 'SH':
    case 'CS':
    case 'AE':
      return sing(tag).slice(0, 16)
    case 'UT':
      return `http://example.org/${sing(tag)}`
    default:
      return sing(tag)
  }
}

type Element = readonly [tag: string, element: { readonly vr: string; readonly Value: ReadonlyArray<unknown> }]

/** One tag of each VR that the product does not know, private ones included, beside all that it reads. */
const strangers = [
  'AE',
  'AS',
  'AT',
  'CS',
  'DA',
  'DS',
  'DT',
  'FD',
  'IS',
  'LO',
  'LT',
  'PN',
  'SH',
  'ST',
  'TM',
  'UC',
  'UL',
  'UN',
  'UR',
  'UT',
]

const everyTag = (depth = 0): ReadonlyArray<Element> => [
  ...Object.values(dictionary)
    .filter(({ vr }) => vr !== 'UI')
    .map(({ tag, vr }): Element => [tag, { vr, Value: [valueOf(vr, tag, depth)] }]),
  ...strangers.map((vr, at): Element => {
    const tag = `0029${(0x1000 + at).toString(16)}`
    return [tag, { vr, Value: [valueOf(vr, tag)] }]
  }),
  ['00101001', { vr: 'PN', Value: [valueOf('PN', '00101001')] }],
]

const elements = Object.fromEntries(everyTag())
const vrOf: Readonly<Record<string, string>> = Object.fromEntries(
  Object.values(dictionary).map(({ tag, vr }) => [tag, vr]),
)
const isText = (tag: string): boolean => ['LO', 'SH', 'PN', 'ST', 'LT', 'UT'].includes(vrOf[tag] ?? 'LO')
/** What is not a text is left as it should be: these are stored, and reach FHIR. */
const legal = Object.fromEntries(Object.entries(elements).filter(([tag]) => isText(tag) && tag !== '00080201'))

const images: ReadonlyArray<Image> = [
  { study: '1.2.1', elements: legal },
  { study: '1.2.1', instance: 2, elements: legal },
  { study: '1.2.2', elements },
  { study: '1.2.3', elements: { ...elements, '00080060': { vr: 'CS', Value: ['CT'] } } },
  // Others' values under a PatientID that is known by then, and a stray instance.
  {
    study: '1.2.4',
    elements: { ...legal, '00100010': { vr: 'PN', Value: [{ Alphabetic: `${sing('x')}^Z` }] } },
    birthDate: '19010101',
  },
  { study: '1.2.1', instance: 3, elements: { ...legal, '00100020': { vr: 'LO', Value: [sing('stray')] } } },
  { study: '1.2.5', patientId: sing('poison'), name: sing('poison') },
  { study: '1.2.6', patientId: sing('broken'), name: sing('broken') },
  { study: '1.2.7', patientId: sing('refused'), name: `${sing('refused')}^R` },
]

/** Elements that are none: what stands where a UID or a partition should is neither, and may be anything. */
const told = (world: ProcessWorld): void => {
  const rows = images.flatMap((image) => world.dicom.control.append(created(image)))
  const [poison, broken] = [rows[6]?.sequence ?? 0, rows[7]?.sequence ?? 0]
  world.dicom.control.append({ ...created({ study: '1.2.8', elements }), sopInstanceUid: sing('uid') })
  world.dicom.control.append({ ...created({ study: '1.2.9' }), partitionName: `${sing('partition')} #1` })
  world.dicom.faults.set([
    { fault: 'poisonBlob', match: { sequence: poison }, retryAfterS: 0 },
    { fault: 'malformedEntry', variant: 'sequenceString', match: { sequence: broken } },
  ])
}

const refusals: ReadonlyArray<readonly [name: string, spoil: (sent: () => string) => Spoil]> = [
  [
    'text, ids and paths of its outcome',
    (sent) => (outgoing) => {
      const issue = {
        severity: 'error',
        code: sing('code'),
        diagnostics: sent(),
        expression: [`Patient.${sing('path')}`],
      }
      const headers = {
        'content-type': 'application/fhir+json',
        etag: `W/"${sing('etag')}"`,
        location: sing('location'),
      }
      outgoing.writeHead(422, headers)
      outgoing.end(JSON.stringify({ resourceType: 'OperationOutcome', id: sing('id'), issue: [issue] }))
    },
  ],
  [
    'a page of its own',
    (sent) => (outgoing) => void outgoing.writeHead(500, { 'content-type': 'text/html' }).end(sent()),
  ],
  [
    'its reason phrase and a challenge',
    () => (outgoing) =>
      void outgoing.writeHead(403, sing('reason'), { 'www-authenticate': `Bearer realm="${sing('realm')}"` }).end(),
  ],
]

interface Written {
  /** URLs and headers of all requests: proxies and audit logs keep them. */
  readonly requests: string[]
}

const listen = (world: ProcessWorld, answer: Spoil | undefined): Written => {
  const requests: string[] = []
  world.gates.watch({
    before: (request) => {
      requests.push(`${request.method} ${request.url} ${JSON.stringify(request.headers)}`)
      return Promise.resolve(true)
    },
    after: ({ kind }) => Promise.resolve(kind === 'FHIR: transaction' && answer !== undefined ? answer : true),
  })
  return { requests }
}

const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

/** Every row of every table of the account, and the metadata and content of every blob. */
const storage = async (): Promise<string> => {
  const { connectionString } = azurite()
  const found: unknown[] = []
  const insecure = { allowInsecureConnection: true }
  for await (const { name = '' } of TableServiceClient.fromConnectionString(connectionString, insecure).listTables()) {
    for await (const row of TableClient.fromConnectionString(connectionString, name, insecure).listEntities()) {
      found.push([name, row])
    }
  }
  const blobs = BlobServiceClient.fromConnectionString(connectionString)
  for await (const { name } of blobs.listContainers({ includeMetadata: true })) {
    const container = blobs.getContainerClient(name)
    for await (const blob of container.listBlobsFlat({ includeMetadata: true })) {
      found.push([blob, (await container.getBlobClient(blob.name).downloadToBuffer()).toString()])
    }
  }
  return JSON.stringify(found, plain)
}

const others = ({ fhir }: ProcessWorld): string =>
  JSON.stringify(fhir.store.all().filter(({ resourceType }) => !['Patient', 'ImagingStudy'].includes(resourceType)))

const settings = { RetryConfiguration__TotalRetryDuration: '00:00:01', DicomCast__MaxBundleEntries: '4' }

const withWorld = async (use: (world: ProcessWorld) => Promise<void>, more = {}): Promise<void> => {
  const world = await openWorld(azurite(), { ...settings, ...more })
  try {
    told(world)
    await use(world)
  } finally {
    await world.close()
  }
}

const expectNowhere = async (world: ProcessWorld, said: Readonly<Record<string, unknown>>): Promise<void> => {
  const places = { ...said, 'tables and blobs': await storage(), 'other resources': others(world) }
  const singing = Object.entries(places).flatMap(([place, content]) => {
    const text = typeof content === 'string' ? content : JSON.stringify(content, plain)
    const at = text.search(canary)
    return at < 0 ? [] : [`${place}: …${text.slice(Math.max(0, at - 200), at + 60)}…`]
  })
  expect(singing).toEqual([])
}

describe("a canary in every tag is nowhere but in FHIR's Patients and studies", () => {
  it.each([
    ['as it is by default', {}],
    ['with strict values', { DicomCast__Features__EnforceValidationOfTagValues: 'true' }],
    ['with issuers and a zone', { Patient__IsIssuerIdUsed: 'true', DicomCast__DefaultTimeZone: 'Europe/Zurich' }],
  ])(
    'when all goes well, %s',
    async (_, more) => {
      await withWorld(async (world) => {
        const { requests } = listen(world, undefined)
        const { code, stdout, stderr } = await world.start('--until-caught-up').ended
        expect([code, stdout]).toEqual([0, expect.stringContaining('"ended":"CaughtUp"')])
        const clinical = JSON.stringify(world.fhir.store.all())
        if (Object.keys(more).length === 0) expect(clinical).toMatch(canary)
        expect(JSON.stringify(await world.rows('DicomFailToStoreExceptionTable'), plain)).toMatch(/EntryMalformed/)
        await expectNowhere(world, { requests, stdout, stderr, lease: await world.leaseMetadata() })
      }, more)
    },
    60_000,
  )

  it.each(refusals)(
    'when FHIR refuses what it is sent, and repeats it: %s',
    async (_, refusal) => {
      await withWorld(async (world) => {
        const bodies = (): string => `${sing('echo')} ${JSON.stringify(images.map(created))}`
        const { requests } = listen(world, refusal(bodies))
        const ended = []
        // Twice: the second time patience is over, and entries are blamed.
        for (let run = 0; run < 2; run++) ended.push(await world.start('--until-caught-up', '--budget', '2s').ended)
        await expectNowhere(world, { requests, ended, lease: await world.leaseMetadata() })
      })
    },
    60_000,
  )

  it('when single entries are refused, and repeated: each is recorded without a word of it', async () => {
    await withWorld(async (world) => {
      world.fhir.faults.set([{ fault: 'reject', match: { interaction: 'transaction', bodyIncludes: sing('refused') } }])
      const { requests } = listen(world, undefined)
      const ended = await world.start('--until-caught-up').ended
      expect(ended.code).toBe(0)
      expect(JSON.stringify(await world.rows('FhirFailToStoreExceptionTable'), plain)).toMatch(/FhirRejected/)
      await expectNowhere(world, { requests, ended })
    })
  }, 60_000)

  it.each(['all well', 'refused'] as const)(
    'in what the function app logs, answers and reports: %s',
    async (how) => {
      await withWorld(async (world) => {
        if (how === 'refused')
          world.fhir.faults.set([{ fault: 'reject', match: { interaction: 'transaction' }, skip: 2 }])
        const { requests } = listen(world, undefined)
        const env = { PATH: process.env['PATH'], ...compileCache, CastSchedule: '0 0 4 1 1 *', ...world.settings }
        const host = await startFunctionsHost({ env })
        try {
          const fired = [await host.fire('castTimer'), await host.fire('castTimer')]
          const answers = await Promise.all(
            host.functions.flatMap((name) => {
              const path = / GET[^ ]* (\/api\/\S+)$/.exec(name)?.[1]
              return path === undefined || path.includes('{')
                ? []
                : [fetch(`${host.url}${path}`).then((answer) => answer.text())]
            }),
          )
          await host.close()
          expect(host.logs.length).toBeGreaterThan(1)
          await expectNowhere(world, { requests, fired, answers, logs: host.logs })
        } finally {
          await host.close()
        }
      })
    },
    60_000,
  )
})
