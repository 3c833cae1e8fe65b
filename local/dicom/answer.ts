/** What a route answers. The body is text: pages are put together from stored JSON, not serialized again. */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** Azure's DICOM service explains its errors in plain text. */
export const plainText = (status: number, text: string): Answer => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body: text,
})

export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
  body: JSON.stringify(body),
})

export const dicomJson = (status: number, body: string): Answer => ({
  status,
  headers: { 'content-type': 'application/dicom+json; charset=utf-8' },
  body,
})

export const noContent: Answer = { status: 204 }

export const notFound = plainText(404, 'The specified resource was not found.')

/** A problem of the request; the service turns it into an answer. */
export class BadRequest extends Error {
  readonly status: number
  constructor(message: string, status = 400) {
    super(message)
    this.status = status
  }
}
