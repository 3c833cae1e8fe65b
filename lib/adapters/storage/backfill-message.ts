import * as E from 'fp-ts/Either'
import type { BackfillMessage } from '../../app/ports-backfill'

/** The Functions host decodes base64, and so do the readers of our own: `extensions.queues.messageEncoding` of host.json. */
export const encodeMessage = ({ backfillId, lane, part }: BackfillMessage): string =>
  Buffer.from(JSON.stringify({ backfillId, lane, part })).toString('base64')

/** None: it is none of ours. */
export const decodeMessage = (text: string): BackfillMessage | undefined => {
  const json = E.tryCatch(
    (): unknown => JSON.parse(Buffer.from(text, 'base64').toString()),
    () => undefined,
  )
  return E.isLeft(json) ? undefined : messageOf(json.right)
}

/** Of what the Functions host hands over. None: it is none of ours. */
export const messageOf = (value: unknown): BackfillMessage | undefined => {
  if (typeof value !== 'object' || value === null) return undefined
  const { backfillId, lane, part } = value as Readonly<Record<string, unknown>>
  if (typeof backfillId !== 'string' || !/^[\w-]{1,64}$/.test(backfillId)) return undefined
  if (!isCount(lane) || !isCount(part)) return undefined
  return { backfillId, ...(lane === undefined ? {} : { lane }), ...(part === undefined ? {} : { part }) }
}

const isCount = (value: unknown): value is number | undefined =>
  value === undefined || (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0)
