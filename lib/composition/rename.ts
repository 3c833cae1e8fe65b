import * as E from 'fp-ts/Either'
import { type Renamed, renameService } from '../app/operate/rename-service'
import type { RenameRequest } from '../app/operate/rename-task'
import { type Answer, type Operator, connected, endingOf, forgetAfterFailure, reasonOf, remember } from './operator'

export type { Renamed } from '../app/operate/rename-service'

/** The DICOM service has another name: storage and FHIR follow the setting. */
export const rename = async (operator: Operator, request: RenameRequest, dryRun: boolean): Promise<Answer<Renamed>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  const done = await renameService(ports, settings, { ...options, by: operator.by }, request, dryRun)
  forgetAfterFailure(context.right, done)
  if (E.isRight(done) && !dryRun) {
    const { from, to, stop } = done.right
    await remember(operator, context.right, {
      ...{ kind: 'rename', ended: endingOf(stop), reason: `${from} is ${to}` },
      ...reasonOf(stop),
    })
  }
  return done
}
