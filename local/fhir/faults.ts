/**
 * Faults that a test switches on. A rule is used by the requests that it matches, after `skip` of them, `times` times.
 *
 * Answered instead of doing the work:
 *   429 503 500 409 408 401 403  that status; `retryAfterS` and `retryAfterMs` become Retry-After and x-ms-retry-after-ms
 *   reject          400 for good, with an OperationOutcome that repeats the request's content
 *   weirdOutcome    `status` (400) with OperationOutcomes of odd shapes, one after another
 *   wrongType       200 with an HTML page
 *   redirect        302 to another host
 *   reset           the connection is dropped
 * While the work is done:
 *   rejectResource  400 for a resource whose JSON contains `match.bodyIncludes`, wherever it is written
 *   refuseDelete    409 for a DELETE (of the `target`, if there is one)
 *   ignoresIfMatch  an update is carried out whatever its If-Match says
 *   race            first somebody else edits a resource that the request updates or deletes: the `target`,
 *                   else the first that is no Basic, else the first
 * Done, and the answer spoilt:
 *   lostAnswer      the connection is dropped
 *   lateCommit      the connection is dropped at once, the work is done `delayMs` (100) later
 *   truncated       half of the body, then the connection is dropped
 *   oversized       the body is padded with blanks to `bytes` (300 MB)
 *   foreignNext     a search names a next page on another host
 *   fewEntries      the answer to a bundle lacks its last entry
 *   entryStatus     entry number `entry` (0) of the answer to a bundle has the `status` ('422')
 * slow only waits `delayMs`; any other rule may have a `delayMs` too.
 */
export const faultNames = [
  '429',
  '503',
  '500',
  '409',
  '408',
  '401',
  '403',
  'reject',
  'rejectResource',
  'refuseDelete',
  'ignoresIfMatch',
  'race',
  'lostAnswer',
  'lateCommit',
  'reset',
  'slow',
  'truncated',
  'wrongType',
  'oversized',
  'redirect',
  'foreignNext',
  'fewEntries',
  'entryStatus',
  'weirdOutcome',
] as const
export type FaultName = (typeof faultNames)[number]

export const interactions = [
  'metadata',
  'transaction',
  'batch',
  'search',
  'read',
  'history',
  'create',
  'update',
  'delete',
] as const
export type Interaction = (typeof interactions)[number]

export interface FaultRule {
  readonly fault: FaultName
  readonly match?: {
    readonly method?: string
    readonly pathPrefix?: string
    readonly interaction?: Interaction
    /** Text of the body as it was sent, after decompression. */
    readonly bodyIncludes?: string
  }
  /** How many requests it hits; without it, all. */
  readonly times?: number
  /** How many matching requests pass unharmed first. */
  readonly skip?: number
  readonly retryAfterS?: number
  readonly retryAfterMs?: number
  readonly delayMs?: number
  readonly status?: number | string
  readonly entry?: number
  readonly bytes?: number
  /** `Type/id`, or `Type`. */
  readonly target?: string
}

/** What a rule can match. */
export interface FaultCandidate {
  readonly method: string
  readonly path: string
  readonly interaction: Interaction | undefined
  readonly text: string
  /** `Type/id` of what the request updates or deletes, and whether it deletes. */
  readonly touches: ReadonlyArray<{ readonly reference: string; readonly deletes: boolean }>
}

export interface HitRule {
  readonly rule: FaultRule
  /** How often the rule has hit before. */
  readonly before: number
}

export interface Faults {
  /** The rules with how many requests each has matched and hit. */
  list(): ReadonlyArray<FaultRule & { readonly matched: number; readonly hits: number }>
  set(rules: ReadonlyArray<FaultRule>): void
  clear(): void
}

export const isTarget = (target: string | undefined, reference: string): boolean =>
  target === undefined || reference === target || reference.startsWith(`${target}/`)

/** Whether a fault has anything to spoil in a request. */
const applies = ({ fault, target }: FaultRule, { interaction, touches }: FaultCandidate): boolean => {
  switch (fault) {
    case 'refuseDelete':
      return touches.some(({ reference, deletes }) => deletes && isTarget(target, reference))
    case 'race':
      return touches.some(({ reference }) => isTarget(target, reference))
    case 'foreignNext':
      return interaction === 'search'
    case 'fewEntries':
    case 'entryStatus':
      return interaction === 'transaction' || interaction === 'batch'
    default:
      return true
  }
}

const matches = ({ match = {} }: FaultRule, candidate: FaultCandidate): boolean =>
  (match.method === undefined || match.method === candidate.method) &&
  (match.pathPrefix === undefined || candidate.path.startsWith(match.pathPrefix)) &&
  (match.interaction === undefined || match.interaction === candidate.interaction) &&
  (match.bodyIncludes === undefined || candidate.text.includes(match.bodyIncludes))

/** `take` gives the first rule that hits a request, and counts it. */
export const createFaults = (): Faults & { take(candidate: FaultCandidate): HitRule | undefined } => {
  let counted: Array<{ readonly rule: FaultRule; matched: number; hits: number }> = []
  return {
    list: () => counted.map(({ rule, matched, hits }) => ({ ...rule, matched, hits })),
    set: (rules) => {
      const unknown = rules.filter(({ fault }) => !faultNames.includes(fault))
      if (unknown.length > 0) throw new Error(`Unknown fault: ${unknown.map(({ fault }) => fault).join(', ')}`)
      counted = rules.map((rule) => ({ rule, matched: 0, hits: 0 }))
    },
    clear: () => {
      counted = []
    },
    take: (candidate) => {
      for (const each of counted) {
        const { rule } = each
        if (each.hits >= (rule.times ?? Infinity) || !matches(rule, candidate) || !applies(rule, candidate)) continue
        each.matched += 1
        if (each.matched > (rule.skip ?? 0)) return { rule, before: each.hits++ }
      }
      return undefined
    },
  }
}
