import { app } from '@azure/functions'
import { castOnTimer, jsonLog, keepHeapSmall, stopTakingWork } from '../lib/composition'

keepHeapSmall()

app.timer('castTimer', {
  schedule: '%CastSchedule%',
  handler: (_timer, context) =>
    castOnTimer(jsonLog((line, level) => (level === 'error' ? context.error(line) : context.log(line)))),
})

app.hook.appTerminate(() => stopTakingWork())
