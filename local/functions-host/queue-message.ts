import type { RpcData } from './core-api'
import type { QueueSettings } from './queue-settings'

export interface QueueMessage {
  readonly messageId: string
  readonly popReceipt: string
  readonly messageText: string
  readonly dequeueCount: number
  readonly insertedOn: Date
  readonly expiresOn: Date
  readonly nextVisibleOn: Date
}

/** None: the host would not hand it to any function. */
export const textOf = ({ messageText }: QueueMessage, encoding: QueueSettings['encoding']): string | undefined => {
  if (encoding === 'none') return messageText
  const base64 = messageText.replaceAll(/\s/g, '')
  const isBase64 = base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64)
  return isBase64 ? Buffer.from(base64, 'base64').toString() : undefined
}

/** With the host's types; then what a JSON object holds, over it. */
export const metadataOf = (message: QueueMessage, text: string): Readonly<Record<string, RpcData>> => {
  const json = (value: unknown): RpcData => ({ json: JSON.stringify(value) })
  const own: ReadonlyArray<readonly [string, RpcData]> = [
    ['QueueTrigger', { string: text }],
    ['DequeueCount', json(message.dequeueCount)],
    ['Id', { string: message.messageId }],
    ['PopReceipt', { string: message.popReceipt }],
    ['InsertionTime', json(message.insertedOn)],
    ['ExpirationTime', json(message.expiresOn)],
    ['NextVisibleTime', json(message.nextVisibleOn)],
  ]
  const merged = fieldsOf(text)
  const hidden = new Set(merged.map(([name]) => name.toLowerCase()))
  return Object.fromEntries([...own.filter(([name]) => !hidden.has(name.toLowerCase())), ...merged])
}

/** Scalars come as text, as .NET writes it; arrays and nulls do not come. */
const fieldsOf = (text: string): ReadonlyArray<readonly [string, RpcData]> =>
  Object.entries(objectIn(text)).flatMap(([name, value]): ReadonlyArray<readonly [string, RpcData]> => {
    if (value === null || Array.isArray(value)) return []
    if (typeof value === 'object') return [[name, { json: JSON.stringify(value) }]]
    return [[name, { string: typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value) }]]
  })

const objectIn = (text: string): object => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
  } catch {
    return {}
  }
}
