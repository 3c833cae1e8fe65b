import { type HttpRequest, type HttpResponseInit, type InvocationContext, app } from '@azure/functions'
import { jsonLog } from '../lib/adapters/log'
import { isStopping } from '../lib/composition/lifetime'
import type { Answer, Operator } from '../lib/composition/operator'
import { type Problem, problem, problemOf } from '../lib/composition/problem'

// What the operator routes have in common. Registers nothing by itself.

/** Azure gives up an HTTP call after 230 s. */
const requestsEndMs = 225_000
export const defaultBudgetS = 200

const verbs = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

export interface Route {
  readonly verb: 'GET' | 'POST'
  readonly path: string
  /** Only for what tells nothing. */
  readonly anonymous?: boolean
  readonly handle: (request: HttpRequest, operator: Operator) => Promise<HttpResponseInit>
}

/** Registers a route. All verbs come here, so that a wrong one is told what is right. */
export const route = (name: string, { verb, path, anonymous = false, handle }: Route): void => {
  app.http(name, {
    methods: [...verbs],
    route: path,
    authLevel: anonymous ? 'anonymous' : 'function',
    handler: async (request, context) => {
      if (request.method !== verb) {
        const wrong = problem(405, 'WrongVerb', `This route answers ${verb}.`)
        return { ...problemAnswer(wrong), headers: { ...problemHeaders, allow: verb } }
      }
      try {
        return await handle(request, operatorOf(request, context))
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

/**
 * App Service takes these headers away from what comes in, and sets its own; with its authentication switched off anybody
 * can send them. The first variable is App Service's word that it is on; the second is set by infra/ with it.
 */
const isAuthenticated = ({ WEBSITE_AUTH_ENABLED = '', OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID = '' } = process.env) =>
  /^true$/i.test(WEBSITE_AUTH_ENABLED) || OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID !== ''

/** Whoever the platform says it is; else somebody who has a key. A program has no name there, only an id. */
const whoAsks = ({ headers }: HttpRequest): string => {
  const principal = headers.get('x-ms-client-principal-name') || headers.get('x-ms-client-principal-id') || ''
  return (isAuthenticated() ? principal.replace(/[^\w.@+-]/g, '').slice(0, 64) : '') || 'function key'
}

const startedAt = Date.now()

const operatorOf = (request: HttpRequest, context: InvocationContext): Operator => ({
  app: { startedAt },
  environment: process.env,
  log: jsonLog((line, level) => (level === 'error' ? context.error(line) : context.log(line))),
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
export const bodyOf = async (request: HttpRequest): Promise<unknown> => {
  try {
    return await request.json()
  } catch {
    return undefined
  }
}
