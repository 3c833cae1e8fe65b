import { createHash } from 'node:crypto'
import { type IncomingMessage, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Image, datasetOf } from './cast-images'

// What was tried on Orthanc 1.10.1, as far as the product asks for it: its log, its lists, DICOMweb. The stories against the
// real one are in test/orthanc.

type Dataset = Readonly<Record<string, unknown>>
type Level = 'Patient' | 'Study' | 'Series' | 'Instance'

interface Change {
  readonly Seq: number
  readonly ChangeType: string
  readonly ResourceType: Level
  readonly ID: string
  readonly Date: string
}

export interface FakeOrthanc {
  /** Of its DICOMweb. */
  readonly url: string
  /** Method and path of each request, in order. */
  readonly requests: ReadonlyArray<string>
  /** As `OverwriteInstances` true. */
  readonly store: (...images: ReadonlyArray<Image>) => void
  readonly remove: (...images: ReadonlyArray<Image>) => void
  readonly removeStudy: (study: string) => void
  readonly clearChanges: () => void
  /** A new database: numbers begin again. */
  readonly wipe: () => void
  /** Cuts QIDO-RS without a word; 0 does not. */
  limitFindResults: number
  /** Study metadata comes from the index, without the class of the instances. */
  isOfMainDicomTags: boolean
  /** Metadata of a UID that two studies have is that of the later one: another server than Orthanc. */
  givesLaterOfTwo: boolean
  /** Status for a path that matches; none: as it should be. */
  fault: (method: string, path: string) => number | undefined
  /** Seconds since its beginning, the times that it writes. */
  now: number
  readonly close: () => Promise<void>
}

const valueOf = (dataset: Dataset, tag: string): string => {
  const value: unknown = (dataset[tag] as { Value?: ReadonlyArray<unknown> } | undefined)?.Value?.[0]
  return typeof value === 'string' ? value : ''
}

const idOf = (...parts: ReadonlyArray<string>): string =>
  (createHash('sha1').update(parts.join('|')).digest('hex').match(/.{8}/g) ?? []).join('-')

const tags = { Patient: '00100020', Study: '0020000D', Series: '0020000E', Instance: '00080018' } as const
const levels = ['Patient', 'Study', 'Series', 'Instance'] as const

const idsOf = (dataset: Dataset): Readonly<Record<Level, string>> => {
  const [patient = '', study = '', series = '', instance = ''] = levels.map((level) => valueOf(dataset, tags[level]))
  return {
    Patient: idOf(patient),
    Study: idOf(patient, study),
    Series: idOf(patient, study, series),
    Instance: idOf(patient, study, series, instance),
  }
}

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  let body = ''
  for await (const piece of request) body += String(piece)
  return body
}

const indexed = ['0020000D', '0020000E', '00080018', '00100010', '00100020', '00080020', '00200011', '00200013']

export const startFakeOrthanc = async (): Promise<FakeOrthanc> => {
  let instances = new Map<string, Dataset>()
  const updated = new Map<string, string>()
  const arrived = new Map<string, number>()
  let changes: Change[] = []
  let last = 0
  const requests: string[] = []

  const dateOf = (): string =>
    new Date(Date.UTC(2026, 10, 28) + fake.now * 1000).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')
  const having = (level: Level, id: string): ReadonlyArray<Dataset> =>
    [...instances.values()].filter((each) => idsOf(each)[level] === id)
  const studies = (): ReadonlyArray<string> => [...new Set([...instances.values()].map((each) => idsOf(each).Study))]

  const drop = (gone: ReadonlyArray<Dataset>): void => {
    for (const each of gone) instances.delete(idsOf(each).Instance)
    const isLive = ({ ResourceType, ID }: Change): boolean => having(ResourceType, ID).length > 0
    changes = changes.filter(isLive)
    for (const { Study } of gone.map(idsOf)) if (having('Study', Study).length === 0) arrived.delete(Study)
  }

  const storeOne = (image: Image): void => {
    const dataset = datasetOf(image)
    const ids = idsOf(dataset)
    if (instances.has(ids.Instance)) drop([dataset])
    const isNew = (level: Level): boolean => level === 'Instance' || having(level, ids[level]).length === 0
    const rows = [...levels].reverse().filter(isNew)
    instances.set(ids.Instance, dataset)
    for (const level of rows) {
      changes.push({ Seq: (last += 1), ChangeType: `New${level}`, ResourceType: level, ID: ids[level], Date: dateOf() })
    }
    updated.set(ids.Study, dateOf())
    if (!arrived.has(ids.Study)) arrived.set(ids.Study, last)
  }

  const studyJson = (id: string): object => {
    const [first = {}] = having('Study', id)
    return {
      ...{ ID: id, Type: 'Study', LastUpdate: updated.get(id), IsStable: false },
      Series: [...new Set(having('Study', id).map((each) => idsOf(each).Series))],
      MainDicomTags: { StudyInstanceUID: valueOf(first, tags.Study) },
      PatientMainDicomTags: { PatientID: valueOf(first, tags.Patient) },
    }
  }

  const changesJson = (query: URLSearchParams): object => {
    const [since, limit] = [Number(query.get('since') ?? 0), Number(query.get('limit') ?? 100)]
    const behind = changes.filter(({ Seq }) => Seq > since)
    const page = behind.slice(0, limit)
    return { Changes: page, Done: behind.length <= limit, Last: page.at(-1)?.Seq ?? last }
  }

  const qido = (query: URLSearchParams): ReadonlyArray<object> => {
    const wanted = query.get('StudyInstanceUID')?.split(',')
    const [offset, limit] = [Number(query.get('offset') ?? 0), Number(query.get('limit') ?? 0)]
    const uidOf = (id: string): string => valueOf(having('Study', id)[0] ?? {}, tags.Study)
    const found = [...studies()].sort().filter((id) => wanted?.includes(uidOf(id)) ?? true)
    const cut = fake.limitFindResults === 0 ? found : found.slice(0, fake.limitFindResults + 1)
    return cut.slice(offset, limit === 0 ? undefined : offset + limit).map((id) => {
      const all = having('Study', id)
      const [first = {}] = all
      const returned = ['00080020', '00100010', '00100020', '00100030', '00100040', '0020000D']
      const count = (value: number) => ({ vr: 'IS', Value: [value] })
      return {
        ...Object.fromEntries(returned.flatMap((tag) => (first[tag] === undefined ? [] : [[tag, first[tag]]]))),
        '00201206': count(new Set(all.map((each) => idsOf(each).Series)).size),
        '00201208': count(all.length),
      }
    })
  }

  const metadata = (path: string): ReadonlyArray<Dataset> => {
    const [, study, , series, , instance] = path.split('/')
    const ofUid = [...instances.values()].filter((each) => valueOf(each, tags.Study) === study)
    const ids = [...new Set(ofUid.map((each) => idsOf(each).Study))]
    // One UID under two patients is to be found under none.
    if (ids.length > 1 && !fake.givesLaterOfTwo) return []
    const ofStudy = ofUid.filter((each) => idsOf(each).Study === ids.at(-1))
    const isIn = (tag: string, uid: string | undefined) => (each: Dataset) =>
      uid === undefined || uid === 'metadata' || valueOf(each, tag) === uid
    const found = ofStudy.filter(isIn(tags.Series, series)).filter(isIn(tags.Instance, instance))
    const isWhole = series !== undefined && series !== 'metadata'
    return fake.isOfMainDicomTags && !isWhole
      ? found.map((each) => Object.fromEntries(Object.entries(each).filter(([tag]) => indexed.includes(tag))))
      : found
  }

  const answerTo = (path: string, query: URLSearchParams, body: string): object | undefined => {
    if (path === '/changes') return changesJson(query)
    if (path === '/statistics') return { CountStudies: studies().length, CountInstances: instances.size }
    if (path === '/tools/bulk-content') {
      const { Resources } = JSON.parse(body) as { readonly Resources: ReadonlyArray<string> }
      const found = levels.flatMap((level) => Resources.flatMap((id) => having(level, id)))
      return [...new Set(found.map((each) => idsOf(each).Study))].map(studyJson)
    }
    if (path === '/studies') {
      const [since, limit] = [Number(query.get('since')), Number(query.get('limit'))]
      const inOrder = [...studies()].sort((left, right) => (arrived.get(left) ?? 0) - (arrived.get(right) ?? 0))
      return inOrder.slice(since, since + limit).map(studyJson)
    }
    if (path === '/dicom-web/studies') return qido(query)
    if (!path.startsWith('/dicom-web/studies/') || !path.endsWith('/metadata')) return undefined
    const found = metadata(path.slice('/dicom-web'.length + 1))
    return found.length === 0 ? undefined : found
  }

  const server = createServer((request, response) => {
    void (async () => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost')
      requests.push(`${request.method} ${pathname}`)
      const body = await bodyOf(request)
      const status = fake.fault(request.method ?? '', pathname)
      const json = status === undefined ? answerTo(pathname, searchParams, body) : undefined
      const code = status ?? (json === undefined ? 404 : 200)
      response.writeHead(code, { 'content-type': 'application/json' })
      response.end(JSON.stringify(json ?? { HttpStatus: code, Message: 'Unknown resource' }))
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  const fake: FakeOrthanc = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/dicom-web`,
    requests,
    store: (...images) => images.forEach(storeOne),
    remove: (...images) => drop(images.map((image) => datasetOf(image))),
    removeStudy: (study) => drop([...instances.values()].filter((each) => valueOf(each, tags.Study) === study)),
    clearChanges: () => void (changes = []),
    wipe: () => {
      ;[instances, changes, last] = [new Map(), [], 0]
      arrived.clear()
    },
    ...{ limitFindResults: 0, isOfMainDicomTags: false, givesLaterOfTwo: false, fault: () => undefined, now: 0 },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  return fake
}
