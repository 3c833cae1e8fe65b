import { BadRequest } from './answer'
import type { Page } from './page'

export const statusFaults = ['400', '401', '403', '404', '424', '429', '500', '503'] as const
export const blobFaults = ['poisonBlob', 'missingBlob', 'hangingBlob'] as const
export const entryFaults = [
  'malformedEntry',
  'negativeInfinity',
  'stringDs',
  'pascalCase',
  'oversizedEntry',
  'wrongType',
] as const
export const deliveryFaults = ['slow', 'truncated', 'reset', 'malformedJson', 'redirect'] as const
export const latestFaults = ['latest204', 'latestNull'] as const

const faults = [...statusFaults, ...blobFaults, ...entryFaults, ...deliveryFaults, ...latestFaults] as const
export type Fault = (typeof faults)[number]

/**
 * What goes wrong, where, and how often. Without `match` it goes wrong everywhere; with `sequence` only for answers
 * that hold that row. `skip` lets the first n matching requests pass; `times` is how many then go wrong, default all.
 */
export interface FaultRule {
  readonly fault: Fault
  readonly match?: { readonly pathPrefix?: string; readonly sequence?: number; readonly metadata?: boolean }
  readonly times?: number
  readonly skip?: number
  /** Sent as Retry-After with a status. */
  readonly retryAfterS?: number
  /** For `slow`. */
  readonly delayMs?: number
  /**
   * malformedEntry: null (default), number, missingUid, sequenceString, sequenceNaN ·
   * negativeInfinity: strings (default), tokens · wrongType: values (default), metadata ·
   * truncated: body (default: half a body, complete as HTTP), connection (Content-Length of the whole, then cut)
   */
  readonly variant?: string
  /** For `oversizedEntry`, default 1 MiB. */
  readonly bytes?: number
  /** For `redirect`, default a host that does not exist. */
  readonly location?: string
}

/** What a rule is held against. A request that changes something has no page. */
export interface Subject {
  readonly path: string
  readonly page?: Page
}

const oneOf = <A extends string>(list: ReadonlyArray<A>, value: string): value is A =>
  (list as ReadonlyArray<string>).includes(value)

export const isStatusFault = (fault: Fault): fault is (typeof statusFaults)[number] => oneOf(statusFaults, fault)
export const isEntryFault = (fault: Fault): fault is (typeof entryFaults)[number] => oneOf(entryFaults, fault)

const isLatest = (subject: Subject): boolean => subject.path.endsWith('/changefeed/latest')

const matches = ({ fault, match = {} }: FaultRule, subject: Subject): boolean => {
  const { pathPrefix, sequence, metadata } = match
  if (pathPrefix !== undefined && !subject.path.startsWith(pathPrefix)) return false
  if (metadata !== undefined && metadata !== (subject.page?.hasMetadata ?? false)) return false
  if (oneOf(blobFaults, fault)) {
    // Without a sequence: the blob store itself is in trouble, for every row.
    const { page } = subject
    return sequence === undefined ? (page?.hasMetadata ?? false) : (page?.holdsMetadataOf(sequence) ?? false)
  }
  if (sequence !== undefined && subject.page?.holds(sequence) !== true) return false
  if (oneOf(entryFaults, fault)) return (subject.page?.entries.length ?? 0) > 0
  return oneOf(latestFaults, fault) ? isLatest(subject) : true
}

/** After one of these nothing else of the answer is left to spoil. */
const endsTheRequest = ({ fault }: FaultRule): boolean =>
  isStatusFault(fault) || oneOf(blobFaults, fault) || fault === 'reset' || fault === 'redirect'

const readRule = (value: unknown): FaultRule => {
  const fault = String((value as { fault?: unknown } | null)?.fault)
  if (!oneOf(faults, fault)) throw new BadRequest(`Unknown fault '${fault}'. There are: ${faults.join(', ')}.`)
  return { ...(value as FaultRule), fault }
}

export type FaultSwitches = ReturnType<typeof createFaultSwitches>

export const createFaultSwitches = () => {
  let rules: Array<{ readonly rule: FaultRule; seen: number }> = []
  return {
    list: (): ReadonlyArray<FaultRule> => rules.map(({ rule }) => rule),
    /** Replaces all rules. */
    set: (list: ReadonlyArray<FaultRule>): void => {
      rules = list.map((rule) => ({ rule: readRule(rule), seen: 0 }))
    },
    clear: (): void => {
      rules = []
    },
    /** The rules that go off for this request, in their order; counts them. */
    fire: (subject: Subject): ReadonlyArray<FaultRule> => {
      const fired: FaultRule[] = []
      for (const entry of rules) {
        if (!matches(entry.rule, subject)) continue
        const turn = entry.seen++ - (entry.rule.skip ?? 0)
        if (turn < 0 || turn >= (entry.rule.times ?? Infinity)) continue
        fired.push(entry.rule)
        if (endsTheRequest(entry.rule)) break
      }
      return fired
    },
  }
}
