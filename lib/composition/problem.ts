import { ago } from '../app/operate/words'
import { describeServiceError } from '../domain/cast-error'
import type { Failure } from './operator'

/** RFC 9457. `type` is about:blank, so the title is that of the status; `code` is for programs, `detail` for people. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly [extension: string]: unknown
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  412: 'Precondition Failed',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

export const problem = (
  status: number,
  code: string,
  detail: string,
  extensions: Readonly<Record<string, unknown>> = {},
): Problem => ({ type: 'about:blank', title: titles[status] ?? 'Error', status, code, detail, ...extensions })

const sentence = (text: string): string => (/[.?!]$/.test(text) ? text : `${text}.`)

const mostProblems = 20

/** A long list is told by its beginning. */
const listing = (status: number, code: string, what: string, problems: ReadonlyArray<string>): Problem => {
  const shown = problems.slice(0, mostProblems)
  const more = problems.length - shown.length
  const rest = more === 0 ? [] : [`and ${more} more`]
  const count = `${what} has ${problems.length} problem${problems.length === 1 ? '' : 's'}`
  return problem(status, code, `${count}: ${[...shown, ...rest].join(' · ')}`, {
    problems: shown,
    ...(more === 0 ? {} : { more }),
  })
}

/** A failure in words, with the status that says it over HTTP. */
export const problemOf = (failed: Failure): Problem => {
  switch (failed._tag) {
    case 'RequestInvalid':
      return listing(400, failed._tag, 'The request', failed.problems)
    case 'ConfigurationInvalid':
      return listing(500, failed._tag, 'The configuration', failed.problems)
    case 'NotFound':
      return problem(404, failed._tag, `There is no such ${failed.what}.`)
    case 'Refused':
      return problem(422, failed._tag, sentence(failed.reason))
    case 'EtagStale':
      return problem(412, failed._tag, 'The checkpoint has moved since: read the status again.', {
        etag: failed.current ?? null,
      })
    case 'LeaseHeld': {
      const { runId, heldForS } = failed
      const since = heldForS === undefined ? '' : ` for ${ago(heldForS)}`
      return problem(409, failed._tag, `Another run holds the lease${since}. Try again when it has ended.`, {
        runId: runId ?? null,
        heldForS: heldForS ?? null,
      })
    }
    case 'RunEnded': {
      const { report } = failed
      return problem(isOthers(report.ended) ? 409 : 503, report.ended, sentence(report.reason), {
        hop: hopOf(report.ended, report.reason),
        report,
      })
    }
    case 'Service': {
      const { error } = failed
      if (error._tag === 'ArgumentRefused') {
        return listing(400, 'RequestInvalid', 'The request', [describeServiceError(error)])
      }
      if (error._tag === 'ServiceRenamed') {
        return problem(500, 'ConfigurationInvalid', sentence(error.reason), { problems: [error.reason] })
      }
      return problem(isOthers(error._tag) ? 409 : 503, error._tag, sentence(describeServiceError(error)), {
        hop: 'hop' in error ? error.hop : hopOf(error._tag, describeServiceError(error)),
      })
    }
  }
}

/** Somebody else's work is in the way, and no service is at fault. */
const isOthers = (code: string): boolean => ['CheckpointMoved', 'LeaseLost', 'GateClosed'].includes(code)

// Reasons begin with the service that they are about, but for the feed's.
const hopOf = (code: string, reason: string): string | null =>
  code === 'FeedReset' ? 'dicom' : (/^(dicom|fhir|storage|identity): /.exec(reason)?.[1] ?? null)
