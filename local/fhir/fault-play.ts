import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultCandidate, FaultRule, HitRule } from './faults'
import { isTarget } from './faults'
import type { FhirAnswer, Refusals } from './interactions'
import { FhirError, issue, outcome, refusal } from './operation-outcome'
import type { Store } from './store'

/** What goes back over the connection. */
export type Reply =
  | { readonly kind: 'answer'; readonly answer: FhirAnswer }
  | { readonly kind: 'dropped' }
  | { readonly kind: 'truncated'; readonly answer: FhirAnswer }
  | { readonly kind: 'oversized'; readonly answer: FhirAnswer; readonly bytes: number }
  | { readonly kind: 'page'; readonly html: string }

export interface Stage {
  readonly hit: HitRule | undefined
  readonly candidate: FaultCandidate
  readonly store: Store
  /** Does the work. Synchronous, so that requests in parallel are served one after another. */
  readonly work: (refusals: Refusals) => FhirAnswer
  /** Runs something after the answer; the service waits for it when it closes. */
  readonly later: (delayMs: number, task: () => void) => void
}

const allowAll: Refusals = { write: () => undefined, remove: () => undefined }

/** The element that holds the text, as a validator would name it. */
const elementOf = (path: string, value: unknown, text: string): string => {
  if (typeof value !== 'object' || value === null) return path
  const found = Object.entries(value).find(
    ([name, member]) => name !== 'resourceType' && JSON.stringify(member)?.includes(text) === true,
  )
  if (found === undefined) return path
  const [name, member] = found
  return elementOf(Array.isArray(value) ? `${path}[${name}]` : `${path}.${name}`, member, text)
}

const refusalsOf = ({ fault, match, target }: FaultRule): Refusals => ({
  write: (resource) => {
    if (fault === 'rejectResource' && JSON.stringify(resource).includes(match?.bodyIncludes ?? '')) {
      const where = elementOf(resource.resourceType, resource, match?.bodyIncludes ?? '')
      throw new FhirError(400, [issue(400, 'The resource is rejected, as a fault rule says.', where)])
    }
  },
  remove: (type, id) => {
    if (fault === 'refuseDelete' && isTarget(target, `${type}/${id}`)) {
      throw refusal(409, `Unable to delete '${type}/${id}': other resources refer to it.`)
    }
  },
})

const weirdBodies: ReadonlyArray<object> = [
  { resourceType: 'OperationOutcome' },
  { resourceType: 'OperationOutcome', issue: null },
  { resourceType: 'OperationOutcome', issue: { severity: 'error', code: 'invalid', diagnostics: 'an object' } },
  { resourceType: 'OperationOutcome', issue: [null, 'text', { severity: 7, code: {}, expression: 'Patient.name' }] },
  { resourceType: 'OperationOutcome', issue: [{ details: { text: 'only details' }, expression: [null] }] },
  { resourceType: 'Parameters', parameter: [] },
  ['not', 'a', 'resource'],
  {},
]

/** Somebody else's edit: a real change, so that it has a version of its own and must survive the merge. */
const editByOthers = (store: Store, { touches }: FaultCandidate, { target }: FaultRule): void => {
  const stored = touches.flatMap(({ reference }) => {
    const [type = '', id = ''] = reference.split('/')
    const resource = isTarget(target, reference) ? store.read(type, id) : undefined
    return resource === undefined ? [] : [{ type, id, resource }]
  })
  const chosen = stored.find(({ type }) => type !== 'Basic') ?? stored[0]
  if (chosen === undefined) return
  const tags = chosen.resource.meta?.['tag']
  const tag = [...(Array.isArray(tags) ? tags : []), { system: 'urn:example:race', code: 'edited' }]
  store.write('PUT', chosen.type, chosen.id, { ...chosen.resource, meta: { ...chosen.resource.meta, tag } })
}

type Spoilable = Record<string, unknown> & { entry?: ReadonlyArray<Record<string, unknown>> }

const withoutLastEntry = (answer: FhirAnswer): FhirAnswer => {
  const body = answer.body as Spoilable
  return { ...answer, body: { ...body, entry: body.entry?.slice(0, -1) } }
}

const withEntryStatus = (answer: FhirAnswer, at: number, status: string): FhirAnswer => {
  const body = answer.body as Spoilable
  const spoilt = {
    response: { status, outcome: outcome([issue(parseInt(status, 10), 'As a fault rule says.')]) },
  }
  return { ...answer, body: { ...body, entry: body.entry?.map((entry, index) => (index === at ? spoilt : entry)) } }
}

const withForeignNext = (answer: FhirAnswer): FhirAnswer => {
  const next = { relation: 'next', url: 'http://foreign.invalid/Patient?ct=stolen' }
  return { ...answer, body: { ...answer.body, link: [next] } }
}

const statusAnswer = ({ retryAfterS, retryAfterMs }: FaultRule, status: number, text: string): Reply => {
  const headers = {
    ...(retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) }),
    ...(retryAfterMs === undefined ? {} : { 'x-ms-retry-after-ms': String(retryAfterMs) }),
  }
  return { kind: 'answer', answer: { status, headers, body: outcome([issue(status, text)]) } }
}

/** Serves a request as the rule that it hit says; without one, just does the work. */
export const play = async ({ hit, candidate, store, work, later }: Stage): Promise<Reply> => {
  const done = (refusals: Refusals = allowAll): Reply => ({ kind: 'answer', answer: work(refusals) })
  if (hit === undefined) return done()
  const { rule, before } = hit
  if (rule.delayMs !== undefined && rule.fault !== 'lateCommit') await sleep(rule.delayMs)

  switch (rule.fault) {
    case '429':
    case '503':
    case '500':
    case '409':
    case '408':
    case '401':
    case '403':
      return statusAnswer(rule, Number(rule.fault), 'As a fault rule says.')
    case 'reject':
      return statusAnswer(rule, 400, `The request is not acceptable: ${candidate.text}`)
    case 'weirdOutcome': {
      const body = weirdBodies[before % weirdBodies.length] ?? {}
      return { kind: 'answer', answer: { status: Number(rule.status ?? 400), headers: {}, body } }
    }
    case 'wrongType':
      return { kind: 'page', html: '<!DOCTYPE html><title>Sign in</title><p>Sign in to continue' }
    case 'redirect':
      return { kind: 'answer', answer: { status: 302, headers: { location: 'http://foreign.invalid/' } } }
    case 'reset':
      return { kind: 'dropped' }
    case 'rejectResource':
    case 'refuseDelete':
      return done(refusalsOf(rule))
    case 'ignoresIfMatch':
      return done({ ...allowAll, takesOld: true })
    case 'race':
      editByOthers(store, candidate, rule)
      return done()
    case 'slow':
      return done()
    case 'lostAnswer':
      work(allowAll)
      return { kind: 'dropped' }
    case 'lateCommit':
      later(rule.delayMs ?? 100, () => work(allowAll))
      return { kind: 'dropped' }
    case 'truncated':
      return { kind: 'truncated', answer: work(allowAll) }
    case 'oversized':
      return { kind: 'oversized', answer: work(allowAll), bytes: rule.bytes ?? 300 * 1024 * 1024 }
    case 'foreignNext':
      return { kind: 'answer', answer: withForeignNext(work(allowAll)) }
    case 'fewEntries':
      return { kind: 'answer', answer: withoutLastEntry(work(allowAll)) }
    case 'entryStatus':
      return { kind: 'answer', answer: withEntryStatus(work(allowAll), rule.entry ?? 0, String(rule.status ?? 422)) }
  }
}
