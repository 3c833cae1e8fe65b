import { health } from '../lib/composition/status'
import { route } from './http'

// Anonymous, and so without a word of why but two times: the status says it to those who have a key.
route('health', {
  verb: 'GET',
  path: 'health',
  anonymous: true,
  handle: async (_request, operator) => {
    const { healthy, timer } = await health(operator)
    return {
      status: healthy ? 200 : 503,
      headers: { 'cache-control': 'no-store' },
      jsonBody: {
        status: healthy ? 'healthy' : 'unhealthy',
        timerLastRanAt: timer?.lastRanAt ?? null,
        castLastSucceededAt: timer?.lastSucceededAt ?? null,
      },
    }
  },
})
