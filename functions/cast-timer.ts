import { app } from '@azure/functions'
import { keepHeapSmall } from '../lib/adapters/heap'
import { jsonLog } from '../lib/adapters/log'
import { stopTakingWork } from '../lib/composition/lifetime'
import { castOnTimer } from '../lib/composition/timer'

keepHeapSmall()

app.timer('castTimer', {
  schedule: '%CastSchedule%',
  handler: (_timer, context) =>
    castOnTimer(jsonLog((line, level) => (level === 'error' ? context.error(line) : context.log(line)))),
})

app.hook.appTerminate(() => stopTakingWork())
