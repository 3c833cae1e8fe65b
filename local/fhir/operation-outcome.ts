import type { OperationOutcome, OperationOutcomeIssue } from 'fhir/r4'

/** A request that the service refuses: the status and the OperationOutcome of the answer. */
export class FhirError extends Error {
  constructor(
    readonly status: number,
    readonly issues: ReadonlyArray<OperationOutcomeIssue>,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(issues.map(({ diagnostics }) => diagnostics).join(' '))
  }
}

const codeOfStatus: Readonly<Record<number, OperationOutcomeIssue['code']>> = {
  400: 'invalid',
  401: 'login',
  403: 'forbidden',
  404: 'not-found',
  405: 'not-supported',
  408: 'timeout',
  409: 'conflict',
  410: 'deleted',
  412: 'conflict',
  413: 'too-long',
  415: 'not-supported',
  429: 'throttled',
  503: 'transient',
}

export const issue = (status: number, diagnostics: string, expression?: string): OperationOutcomeIssue => ({
  severity: 'error',
  code: codeOfStatus[status] ?? 'exception',
  diagnostics,
  ...(expression === undefined ? {} : { expression: [expression] }),
})

export const refusal = (
  status: number,
  diagnostics: string,
  headers: Readonly<Record<string, string>> = {},
): FhirError => new FhirError(status, [issue(status, diagnostics)], headers)

export const outcome = (issues: ReadonlyArray<OperationOutcomeIssue>): OperationOutcome => ({
  resourceType: 'OperationOutcome',
  issue: [...issues],
})
