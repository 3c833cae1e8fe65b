import { type HttpRequest, type HttpResponseInit, type InvocationContext, app } from '@azure/functions'
import { hostLog } from '../lib/adapters/log'
import { inHand, isStopping } from '../lib/composition/lifetime'
import type { Answer, Operator } from '../lib/composition/operator'
import { type Problem, problem, problemOf } from '../lib/composition/problem'

// What the operator routes have in common. Registers nothing by itself.

/** Azure gives up an HTTP call after 230 s. */
const requestsEndMs = 225_000
export const defaultBudgetS = 200

const reading = ['GET', 'HEAD'] as const
const others = ['POST', 'PUT', 'PATCH', 'DELETE'] as const

/** Bytes that a body may have: of a route without options in it, and of one that has some. */
const emptyBody = 1_024
export const smallBody = 16_384

export interface Route {
  readonly verb: 'GET' | 'POST'
  readonly path: string
  /** Only for what tells nothing. */
  readonly anonymous?: boolean
  /** Two functions have this path, since a key is for one of them: who may look, may not therefore write. */
  readonly isShared?: boolean
  readonly bodyLimit?: number
  /** `body`: of a POST; that of a GET is not read. */
  readonly handle: (request: HttpRequest, operator: Operator, body: string) => Promise<HttpResponseInit>
}

/**
 * Registers a route. All verbs come to one with a key, so that a wrong one is told what is right. HEAD is for probes, and
 * the host would answer it with 404.
 */
export const route = (name: string, settings: Route): void => {
  const { path, verb, anonymous = false, isShared = false } = settings
  const written = isShared ? others : [...reading, ...others]
  app.http(name, {
    methods: anonymous || (isShared && verb === 'GET') ? [...reading] : [...written],
    route: path,
    authLevel: anonymous ? 'anonymous' : 'function',
    handler: async (request, context) => {
      try {
        if (request.method !== 'HEAD') return await answerOf(settings, request, context)
        const { body: _, jsonBody: __, ...head } = await answerOf(settings, request, context)
        return head
      } catch (error) {
        // The platform would answer an empty 500.
        context.error(error)
        return problemAnswer(
          problem(500, 'Unexpected', 'Something unexpected happened; the log of this invocation has it.'),
        )
      }
    },
  })
}

const answerOf = async (
  { verb, handle, isShared = false, bodyLimit = emptyBody }: Route,
  request: HttpRequest,
  context: InvocationContext,
): Promise<HttpResponseInit> => {
  const allowed: ReadonlyArray<string> = verb === 'GET' ? ['GET', 'HEAD'] : [verb]
  if (!allowed.includes(request.method)) {
    const wrong = problem(405, 'WrongVerb', `This route answers ${isShared ? 'GET and POST' : verb}.`)
    const all = isShared ? [...reading, 'POST'] : allowed
    return { ...problemAnswer(wrong), headers: { ...problemHeaders, allow: all.join(', ') } }
  }
  const body = verb === 'GET' ? '' : await bodyWithin(request, bodyLimit)
  if (body === undefined) {
    return problemAnswer(problem(413, 'BodyTooLarge', `The body of this route has ${bodyLimit} bytes at the most.`))
  }
  // When the host ends the app, it is let come to its end as a run of the timer is.
  return inHand(handle(request, operatorOf(request, context), body))
}

/** None: it is larger. The host itself lets 100 MB through. */
const bodyWithin = async (request: HttpRequest, limit: number): Promise<string | undefined> => {
  if (Number(request.headers.get('content-length') ?? 0) > limit) return undefined
  const bytes = await request.arrayBuffer()
  return bytes.byteLength > limit ? undefined : Buffer.from(bytes).toString()
}

/**
 * App Service takes these headers away from what comes in, and sets its own; with its authentication switched off anybody
 * can send them. The variable is App Service's word that it is on.
 */
const isAuthenticated = ({ WEBSITE_AUTH_ENABLED = '' } = process.env) => /^true$/i.test(WEBSITE_AUTH_ENABLED)

/** Whoever the platform says it is; else somebody who has a key. A program has no name there, only an id. */
const whoAsks = ({ headers }: HttpRequest): string => {
  const principal = headers.get('x-ms-client-principal-name') || headers.get('x-ms-client-principal-id') || ''
  return (isAuthenticated() ? principal.replace(/[^\w.@+-]/g, '').slice(0, 64) : '') || 'function key'
}

const startedAt = Date.now()

const operatorOf = (request: HttpRequest, context: InvocationContext): Operator => ({
  app: { startedAt },
  environment: process.env,
  log: hostLog(context),
  by: whoAsks(request),
  budgetMs: defaultBudgetS * 1_000,
  requestsEndMs,
  stopping: isStopping,
})

const noStore = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
const problemHeaders = { ...noStore, 'content-type': 'application/problem+json' }

const problemAnswer = (body: Problem): HttpResponseInit => ({
  status: body.status,
  headers: problemHeaders,
  body: JSON.stringify(body),
})

export const ok = (body: object): HttpResponseInit => ({ status: 200, headers: noStore, jsonBody: body })

export const answer = <A extends object>(result: Answer<A>): HttpResponseInit =>
  result._tag === 'Right' ? ok(result.right) : problemAnswer(problemOf(result.left))

export const refuse = (problems: ReadonlyArray<string>): HttpResponseInit =>
  problemAnswer(problemOf({ _tag: 'RequestInvalid', problems }))

export const notFound = (detail: string): HttpResponseInit => problemAnswer(problem(404, 'NotFound', detail))

/** The function key is no parameter of ours. */
export const queryOf = (request: HttpRequest): Readonly<Record<string, string>> => {
  const { code: _, clientId: __, ...query } = Object.fromEntries(request.query.entries())
  return query
}

export const hasKeyInHeader = (request: HttpRequest): boolean => request.headers.has('x-functions-key')

/** Undefined when it is not JSON, which no codec takes. */
export const jsonOf = (body: string): unknown => {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
