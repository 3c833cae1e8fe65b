import { gzipSync } from 'node:zlib'
import type { Spoil } from './gate'

// Answers that no service should give. The work behind them is done all the same.

const json = { 'content-type': 'application/fhir+json' }

const saying =
  (status: number, body: string | Buffer, headers: Readonly<Record<string, string>> = json): Spoil =>
  (outgoing) =>
    void outgoing.writeHead(status, headers).end(body)

/** A byte now and then, and never the last one. */
export const drip: Spoil = (outgoing, answer) => {
  outgoing.writeHead(answer.status, { ...json, 'content-length': String(answer.body.length + 1) })
  let sent = 0
  const timer = setInterval(() => {
    if (outgoing.destroyed) clearInterval(timer)
    else outgoing.write(answer.body.subarray(sent % answer.body.length, (sent++ % answer.body.length) + 1))
  }, 20)
  outgoing.once('close', () => clearInterval(timer))
}

export const redirectTo = (url: string): Spoil => saying(307, '', { location: url })

type Loose = { [key: string]: unknown }

/** The true answer, changed; what is no JSON object stays as it is. */
const changed =
  (change: (body: Loose) => unknown): Spoil =>
  (outgoing, answer) => {
    const { 'content-length': _length, ...headers } = answer.headers
    const body: unknown = answer.body.length === 0 ? null : JSON.parse(answer.body.toString())
    const isObject = typeof body === 'object' && body !== null && !Array.isArray(body)
    outgoing.writeHead(answer.status, headers).end(JSON.stringify(isObject ? change(body as Loose) : body))
  }

export const withNext = (url: string): Spoil =>
  changed((bundle) => ({
    ...bundle,
    entry: (Array.isArray(bundle['entry']) ? (bundle['entry'] as Loose[]) : []).map((entry) => ({
      ...entry,
      resource: { ...(entry['resource'] as Loose), link: [{ relation: 'next', url }] },
    })),
  }))

/** A small body that unfolds to more than a page of the feed may have. */
export const bomb: Spoil = (outgoing) =>
  saying(200, gzipSync(Buffer.alloc(40 * 1024 * 1024, ' ')), {
    'content-type': 'application/json',
    'content-encoding': 'gzip',
  })(outgoing, { status: 200, headers: {}, body: Buffer.alloc(0) })

const outcome = (issue: unknown): string => JSON.stringify({ resourceType: 'OperationOutcome', issue })

export const hostileAnswers: Readonly<Record<string, Spoil>> = {
  'half a body, complete as HTTP': (outgoing, { body }) =>
    void outgoing.writeHead(200, json).end(body.subarray(0, Math.floor(body.length / 2))),
  'half a body, then the connection ends': (outgoing, { body }) => {
    outgoing.writeHead(200, { ...json, 'content-length': String(body.length + 2) })
    outgoing.write(body.subarray(0, Math.floor(body.length / 2)), () => outgoing.destroy())
  },
  'no HTTP at all': (outgoing) => void outgoing.socket?.end('I am a teapot\r\n\r\n'),
  'an empty body': saying(200, ''),
  'a sign-in page': saying(200, '<html><title>Sign in</title>', { 'content-type': 'text/html' }),
  'JSON that calls itself HTML': (outgoing, { body }) =>
    void outgoing.writeHead(200, { 'content-type': 'text/html' }).end(body),
  null: saying(200, 'null'),
  'a text': saying(200, '"text"'),
  'JSON without a bottom': saying(200, `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`),
  'a resource of another type': saying(200, '{"resourceType":"Parameters"}'),
  'a status that says nothing': saying(299, '{}'),
  'an encoding nobody asked for': saying(200, 'x', { ...json, 'content-encoding': 'br' }),
  'a hint to come back in a year': saying(503, '', { 'retry-after': '31536000' }),
  'a redirect': redirectTo('http://127.0.0.1:9/elsewhere'),
  'an outcome without issues (500)': saying(500, outcome(null)),
}

export const outcomes: ReadonlyArray<readonly [name: string, spoil: Spoil]> = [
  ['issues that are null', saying(422, outcome(null))],
  ['an issue that is an object', saying(400, outcome({ severity: 'error', code: 7, diagnostics: ['list'] }))],
  ['issues of no type', saying(400, outcome([null, 7, 'text', [], { expression: 'Patient.name', location: {} }]))],
  ['ten thousand issues', saying(400, outcome(Array.from({ length: 10_000 }, () => ({ code: 'x'.repeat(100) }))))],
  [
    'paths that hold a name',
    saying(400, outcome([{ code: 'Doe^Jane', expression: ["Patient.name.where(text='Jane')"] }])),
  ],
  ['a list', saying(400, '[]')],
  ['no JSON', saying(400, 'Bad Request')],
]

const bundleAnswers = (change: (entry: ReadonlyArray<Loose>) => unknown): Spoil =>
  changed((bundle) => ({ ...bundle, entry: change((bundle['entry'] ?? []) as ReadonlyArray<Loose>) }))

/** Of a batch or a transaction that was carried out. */
export const bundles: ReadonlyArray<readonly [name: string, spoil: Spoil]> = [
  ['an entry is missing', bundleAnswers((entry) => entry.slice(0, -1))],
  ['there is one too many', bundleAnswers((entry) => [...entry, ...entry.slice(0, 1)])],
  ['there are no entries', bundleAnswers(() => undefined)],
  ['entries are an object', bundleAnswers((entry) => ({ ...entry }))],
  ['an entry is null', bundleAnswers((entry) => [null, ...entry.slice(1)])],
  ['a status is 422', bundleAnswers((entry) => [...entry.slice(0, -1), { response: { status: '422' } }])],
  ['a status is no number', bundleAnswers((entry) => entry.map((each) => ({ ...each, response: { status: 'fine' } })))],
  ['no entry has a response', bundleAnswers((entry) => entry.map(({ response: _response, ...each }) => each))],
]
