import * as E from 'fp-ts/Either'
import { type TakenOver, finishTakeOver } from '../app/operate/take-over'
import { type Answer, type Operator, connected, endingOf, forgetAfterFailure, reasonOf, remember } from './operator'

export type { TakenOver } from '../app/operate/take-over'

/** Nobody goes back to the original: what it looks up gets today's form. */
export const takeOver = async (operator: Operator, dryRun: boolean): Promise<Answer<TakenOver>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  const done = await finishTakeOver(ports, settings, options, dryRun)
  forgetAfterFailure(context.right, done)
  if (E.isRight(done) && !dryRun) {
    const { endpoints, patients, rows, stop } = done.right
    await remember(operator, context.right, {
      ...{ kind: 'take-over', ended: endingOf(stop) },
      reason: `finished: ${endpoints} Endpoints, ${patients} Patients, ${rows} rows`,
      ...reasonOf(stop),
    })
  }
  return done
}
