import * as E from 'fp-ts/Either'
import { type GateMoved, moveGate } from '../app/operate/move-gate'
import { type Answer, type Operator, connected, forgetAfterFailure, lookTimeoutMs, remember } from './operator'

export type { GateMoved } from '../app/operate/move-gate'

/** Pauses all that writes, or lets it go on. */
const move = async (operator: Operator, kind: 'pause' | 'resume'): Promise<Answer<GateMoved>> => {
  const context = connected(operator, lookTimeoutMs)
  if (E.isLeft(context)) return context
  const { ports, cast, options } = context.right
  const moved = await moveGate(ports, cast, { ...options, by: operator.by }, kind === 'pause' ? 'paused' : 'running')
  forgetAfterFailure(context.right, moved)
  if (E.isRight(moved) && moved.right.was !== moved.right.state) {
    await remember(operator, context.right, { kind, ended: 'Done' })
  }
  return moved
}

export const pause = (operator: Operator): Promise<Answer<GateMoved>> => move(operator, 'pause')

export const resume = (operator: Operator): Promise<Answer<GateMoved>> => move(operator, 'resume')
