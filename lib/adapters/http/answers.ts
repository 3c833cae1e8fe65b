import { setImmediate } from 'node:timers/promises'
import * as E from 'fp-ts/Either'
import type * as TE from 'fp-ts/TaskEither'
import { pipe } from 'fp-ts/function'
import type { ServiceError } from '../../domain/cast-error'
import { tagOf } from '../../domain/dicom/tags'
import { parseJson } from '../../domain/json'
import type { HttpAnswer, Service } from './exchange'
import { piecesOfList } from './json-list'

// What any answer means when it is not the one that was hoped for: for the DICOM and the FHIR service alike.

export const dateOf = (text: string | undefined): number | undefined => {
  const time = text === undefined ? NaN : Date.parse(text)
  return Number.isNaN(time) ? undefined : time
}

/** The server's clock as its Date header tells it, ms; ours when it tells nothing. */
export const servedAt = (answer: HttpAnswer): number => dateOf(answer.header('date')) ?? Date.now()

const secondsAsMs = (text: string): number | undefined =>
  /^\d{1,9}(\.\d{1,3})?$/.test(text) ? Math.ceil(Number(text) * 1000) : undefined

const retryAfterMs = (answer: HttpAnswer): number | undefined => {
  const exact = answer.header('x-ms-retry-after-ms')?.trim() ?? ''
  if (/^\d{1,12}(\.\d+)?$/.test(exact)) return Math.ceil(Number(exact))
  const standard = answer.header('retry-after')?.trim() ?? ''
  const date = /[a-z]/i.test(standard) ? dateOf(standard) : undefined
  return secondsAsMs(standard) ?? (date === undefined ? undefined : Math.max(0, date - servedAt(answer)))
}

export type Unavailable = Extract<ServiceError, { _tag: 'ServiceUnavailable' }>

export const unavailable = (hop: Service, reason: string): Unavailable => ({ _tag: 'ServiceUnavailable', hop, reason })

/** Reasons are our own words and the status: a body may hold a patient's data. */
export const unavailableWith = (hop: Service, answer: HttpAnswer, reason: string): Unavailable => {
  const retryAfter = retryAfterMs(answer)
  return {
    ...unavailable(hop, `${reason} (${answer.status})`),
    status: answer.status,
    ...(retryAfter === undefined ? {} : { retryAfterMs: retryAfter }),
  }
}

const urlSetting: Record<Service, string> = { dicom: 'DicomWeb__Endpoint', fhir: 'Fhir__Endpoint' }

/** For every answer that the caller has no meaning of its own for. `request`: in our own words, when there are several. */
export const unexpected = (hop: Service, answer: HttpAnswer, request = 'this request'): Unavailable => {
  const { status } = answer
  const says = (reason: string): Unavailable => unavailableWith(hop, answer, reason)
  if (status < 300) return says('its answer has no content')
  if (status < 400) return says(`it redirects elsewhere, which is not followed: check ${urlSetting[hop]}`)
  if (status === 404) return says(`nothing is at this URL: check ${urlSetting[hop]}`)
  if (status === 408) return says('it waited too long')
  if (status === 424) return says('it cannot use its encryption key')
  if (status === 429) return says('it asks for fewer requests')
  if (status >= 500) return says('it has trouble of its own')
  return says(`it does not take ${request}`)
}

const numericValue = `"${tagOf('NumericValue')}"`

const unreadable = (hop: Service, what: string): Unavailable =>
  unavailable(hop, `unreadable ${hop === 'dicom' ? 'page' : 'answer'}: ${what}`)

/** Doses in a page, and what others wrote in FHIR, keep their digits. */
const parsed = (hop: Service, text: string): unknown =>
  hop === 'fhir' || text.includes(numericValue) ? parseJson(text) : JSON.parse(text)

const isJson = (answer: HttpAnswer): boolean =>
  /^(application\/([\w.-]+\+)?json|text\/json)?$/i.test((answer.header('content-type')?.split(';')[0] ?? '').trim())

/** The body as JSON; an unreadable one is never quoted, neither by JSON.parse's own words. */
export const jsonOf = (hop: Service, answer: HttpAnswer): E.Either<Unavailable, unknown> =>
  isJson(answer)
    ? E.tryCatch(
        () => parsed(hop, answer.body),
        () => unreadable(hop, 'its JSON is broken'),
      )
    : E.left(unreadable(hop, 'it is not JSON'))

// Some 50 ms of work.
const charsATurn = 4 * 1024 * 1024

/** The body as a list. A long one is parsed in turns: lease, host and other requests have theirs between them. */
export const listOf =
  (hop: Service, answer: HttpAnswer): TE.TaskEither<Unavailable, ReadonlyArray<unknown>> =>
  async () => {
    if (answer.body.length <= charsATurn || !isJson(answer)) {
      return pipe(
        jsonOf(hop, answer),
        E.filterOrElse(Array.isArray, () => unreadable(hop, 'it is not a list')),
      )
    }
    try {
      const elements: unknown[] = []
      for (const piece of piecesOfList(answer.body, charsATurn)) {
        for (const element of parsed(hop, piece) as ReadonlyArray<unknown>) elements.push(element)
        await setImmediate()
      }
      return E.right(elements)
    } catch {
      return E.left(unreadable(hop, 'its JSON is broken'))
    }
  }

export const isRecord = (json: unknown): json is Readonly<Record<string, unknown>> =>
  typeof json === 'object' && json !== null && !Array.isArray(json)
