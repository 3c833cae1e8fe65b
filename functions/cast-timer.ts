import { app } from '@azure/functions'
import { keepHeapSmall } from '../lib/adapters/heap'
import { hostLog } from '../lib/adapters/log'
import { stopTakingWork } from '../lib/composition/lifetime'
import { castOnTimer } from '../lib/composition/timer'

keepHeapSmall()

app.timer('castTimer', {
  schedule: '%CastSchedule%',
  handler: (_timer, context) => castOnTimer(hostLog(context)),
})

app.hook.appTerminate(() => stopTakingWork())
