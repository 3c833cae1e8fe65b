import type { Answer } from './answer'
import { noContent, plainText } from './answer'
import type { FaultRule } from './faults'
import { isEntryFault, isStatusFault } from './faults'
import type { Page } from './page'
import { isPage } from './page'
import { spoilEntries } from './spoil-entry'

/** An answer, and how the connection treats it. */
export interface Delivery {
  readonly answer: Answer
  readonly delayMs: number
  /** `half`: the body stops in the middle and the connection is closed; `reset`: nothing is sent at all. */
  readonly connection: 'whole' | 'half' | 'reset'
}

const messages: Readonly<Record<string, string>> = {
  '400': 'The request is not valid.',
  '401': 'Authentication failed.',
  '403': 'Authorization failed.',
  '404': 'The specified resource was not found.',
  '424': 'The operation could not be completed because of a failed dependency.',
  '429': 'Too many requests.',
  '500': 'The server encountered an internal error. Please retry the request.',
  '503': 'The service is currently unavailable. Please retry later.',
}

const withStatus = (status: number, rule: FaultRule): Answer => {
  const answer = plainText(status, messages[status] ?? '')
  if (rule.retryAfterS === undefined) return answer
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(rule.retryAfterS) } }
}

/** The answer that a rule puts in the place of the true one, if it does. */
const replacement = (rule: FaultRule): Answer | undefined => {
  if (isStatusFault(rule.fault)) return withStatus(Number(rule.fault), rule)
  switch (rule.fault) {
    case 'poisonBlob':
      return withStatus(503, rule)
    case 'missingBlob':
      return withStatus(500, rule)
    case 'redirect':
      return { status: 302, headers: { location: rule.location ?? 'http://elsewhere.invalid/' } }
    case 'latest204':
      return noContent
    case 'latestNull':
      return { status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body: 'null' }
    default:
      return undefined
  }
}

const spoilBody = (answer: Answer, rule: FaultRule): Answer => {
  if (answer.body === undefined) return answer
  if (rule.fault === 'truncated' && rule.variant !== 'connection') {
    return { ...answer, body: answer.body.slice(0, Math.floor(answer.body.length / 2)) }
  }
  // A page that a gateway put in between: 200, JSON by its header, and no JSON.
  if (rule.fault === 'malformedJson' && rule.match?.sequence === undefined) {
    return { ...answer, body: '<html><body>Gateway</body></html>' }
  }
  return answer
}

const spoilsEntries = (rule: FaultRule): boolean =>
  isEntryFault(rule.fault) || (rule.fault === 'malformedJson' && rule.match?.sequence !== undefined)

/** Longer than anybody waits. */
const forEverMs = 24 * 3_600_000

const delayOf = ({ fault, delayMs = 0 }: FaultRule): number =>
  fault === 'hangingBlob' ? forEverMs : fault === 'slow' ? delayMs : 0

/** What is left of a result after the rules that went off. */
export const deliver = (result: Page | Answer, fired: ReadonlyArray<FaultRule>): Delivery => {
  const replaced = fired.map(replacement).find((answer) => answer !== undefined)
  const intact = isPage(result)
    ? result.answer(fired.filter(spoilsEntries).reduce((entries, rule) => spoilEntries(rule, entries), result.entries))
    : result
  const isCut = fired.some((rule) => rule.fault === 'truncated' && rule.variant === 'connection')
  return {
    answer: fired.reduce(spoilBody, replaced ?? intact),
    delayMs: fired.reduce((sum, rule) => sum + delayOf(rule), 0),
    connection: fired.some((rule) => rule.fault === 'reset') ? 'reset' : isCut ? 'half' : 'whole',
  }
}
