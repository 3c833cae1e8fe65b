import { app } from '@azure/functions'
import { hostLog } from '../lib/adapters/log'
import { queueOf, workOnQueue } from '../lib/composition/queue'

// Always registered: without a backfill nothing stands on its queue, and Azure starts no instance for it.
app.storageQueue('backfillWork', {
  queueName: queueOf(process.env),
  connection: 'AzureWebJobsStorage',
  handler: (entry, context) => workOnQueue(entry, hostLog(context), context.triggerMetadata?.['dequeueCount']),
})
