export interface LoggedRequest {
  readonly method: string
  readonly path: string
  readonly query: string
  /** 0 when the connection was dropped. */
  readonly status: number
}

export type RequestLog = ReturnType<typeof createRequestLog>

const kept = 10_000

/** The newest requests, so that a test can claim what was asked for and what was not. */
export const createRequestLog = () => {
  let requests: LoggedRequest[] = []
  return {
    add: (request: LoggedRequest): void => {
      requests.push(request)
      if (requests.length >= 2 * kept) requests = requests.slice(-kept)
    },
    list: (): ReadonlyArray<LoggedRequest> => requests.slice(-kept),
    clear: (): void => {
      requests = []
    },
  }
}
