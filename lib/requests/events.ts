import * as E from 'fp-ts/Either'
import type { Parsed } from './codecs'

// Events of Event Grid, in its own schema and as CloudEvents. Nothing in them is believed but that the feed may have
// this number.

export type Heard =
  | { readonly _tag: 'Handshake'; readonly validationCode: string }
  /** The highest number that concerns this feed; none when no event does. */
  | { readonly _tag: 'Told'; readonly told: number | undefined }

type Members = ReadonlyMap<string, unknown>

/** Samples of the service spell the same key in two ways. */
const membersOf = (value: unknown): Members =>
  new Map(
    typeof value === 'object' && value !== null
      ? Object.entries(value).map(([key, member]) => [key.toLowerCase(), member] as const)
      : [],
  )

/** `eventType` in Event Grid's schema, `type` in CloudEvents. */
const typeOf = (event: Members): string => {
  const type = event.get('eventtype') ?? event.get('type')
  return typeof type === 'string' ? type.toLowerCase() : ''
}

const validation = 'microsoft.eventgrid.subscriptionvalidationevent'
const changes = ['created', 'deleted', 'updated'].map((what) => `microsoft.healthcareapis.dicomimage${what}`)

const codeIn = (events: ReadonlyArray<Members>): string | undefined => {
  const event = events.find((each) => typeOf(each) === validation)
  const code = membersOf(event?.get('data')).get('validationcode')
  return typeof code === 'string' && /^[\w.:-]{1,200}$/.test(code) ? code : undefined
}

const sequenceIn = (event: Members, hosts: ReadonlyArray<string>): number => {
  const data = membersOf(event.get('data'))
  const [sequence, theirs] = [data.get('sequencenumber'), data.get('servicehostname')]
  const isOurs = changes.includes(typeOf(event)) && typeof theirs === 'string' && hosts.includes(theirs.toLowerCase())
  return isOurs && typeof sequence === 'number' && Number.isSafeInteger(sequence) ? sequence : 0
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * What a delivery tells of the service that has one of these host names (in lower case). Of other types and other services
 * there may be any number in it.
 */
export const readEvents = (text: string, hosts: ReadonlyArray<string>): Parsed<Heard> => {
  const body = parsed(text)
  if (typeof body !== 'object' || body === null) return E.left(['expected an event, or a list of events'])
  const events = (Array.isArray(body) ? body : [body]).map(membersOf)
  const validationCode = codeIn(events)
  if (validationCode !== undefined) return E.right({ _tag: 'Handshake', validationCode })
  const told = events.reduce((highest, event) => Math.max(highest, sequenceIn(event, hosts)), 0)
  return E.right({ _tag: 'Told', told: told > 0 ? told : undefined })
}
