import type { BackfillMessage } from '../app/ports-backfill'
import type { Operator } from './operator'

/** One message of the queue. */
export const handleBackfillMessage = async (operator: Operator, { backfillId }: BackfillMessage): Promise<void> => {
  operator.log('warn', 'There is no such backfill: its message is dropped', { backfillId })
}
