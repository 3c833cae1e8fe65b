import type { Action, Row } from './feed'

const typeOf: Readonly<Record<Action, string>> = {
  Create: 'Microsoft.HealthcareApis.DicomImageCreated',
  Update: 'Microsoft.HealthcareApis.DicomImageUpdated',
  Delete: 'Microsoft.HealthcareApis.DicomImageDeleted',
}

/** Of one delivery. */
const maxEvents = 200
const answerWithinMs = 30_000
const origin = 'eventgrid.azure.net'

const eventOf = (host: string, { sequence, timestamp, action, instance }: Row) => ({
  specversion: '1.0',
  id: `${host}-${sequence}`,
  source: '/subscriptions/local/providers/Microsoft.HealthcareApis/workspaces/local',
  type: typeOf[action],
  subject: `${host}/v2/partitions/${instance.partitionName}/studies/${instance.studyInstanceUid}`,
  time: timestamp,
  data: {
    partitionName: instance.partitionName,
    imageStudyInstanceUid: instance.studyInstanceUid,
    imageSeriesInstanceUid: instance.seriesInstanceUid,
    imageSopInstanceUid: instance.sopInstanceUid,
    serviceHostName: host,
    sequenceNumber: sequence,
  },
})

export interface Publisher {
  /** From now on, and nothing of what was before; as a subscription of Event Grid. */
  readonly publishTo: (url: string) => void
  readonly tell: (host: string, rows: ReadonlyArray<Row>) => void
  readonly close: () => Promise<void>
}

/**
 * Events as Event Grid sends them to a webhook: CloudEvents, after a handshake, as many in one delivery as are there when
 * the one before was answered. What is not taken is lost.
 */
export const createPublisher = (): Publisher => {
  const closing = new AbortController()
  let url: string | undefined
  let hasConsent = false
  let waiting: ReadonlyArray<object> = []
  let delivering: Promise<void> | undefined

  const ask = (to: string, init: RequestInit): Promise<Response> =>
    fetch(to, { ...init, signal: AbortSignal.any([closing.signal, AbortSignal.timeout(answerWithinMs)]) })

  const consents = async (to: string): Promise<boolean> => {
    const { headers } = await ask(to, { method: 'OPTIONS', headers: { 'webhook-request-origin': origin } })
    return [origin, '*'].includes(headers.get('webhook-allowed-origin') ?? '')
  }

  const deliver = async (to: string): Promise<void> => {
    while (waiting.length > 0) {
      const events = waiting.slice(0, maxEvents)
      waiting = waiting.slice(maxEvents)
      try {
        hasConsent ||= await consents(to)
        if (!hasConsent) continue
        const headers = { 'content-type': 'application/cloudevents-batch+json', 'webhook-request-origin': origin }
        const answer = await ask(to, { method: 'POST', headers, body: JSON.stringify(events) })
        await answer.arrayBuffer()
      } catch {
        // Nobody is there, or no longer.
      }
    }
    delivering = undefined
  }

  return {
    publishTo: (to) => {
      url = to
      hasConsent = false
    },
    tell: (host, rows) => {
      if (url === undefined) return
      waiting = [...waiting, ...rows.map((row) => eventOf(host, row))]
      const to = url
      delivering ??= deliver(to)
    },
    close: async () => {
      waiting = []
      closing.abort()
      await delivering
    },
  }
}
