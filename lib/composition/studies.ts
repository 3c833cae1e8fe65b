import * as E from 'fp-ts/Either'
import { mostGone } from '../app/operate/max-gone'
import { service } from '../app/operate/operating'
import type { StudyReport } from '../app/operate/resync'
import { type Resync, resync, verify } from '../app/operate/resync-study'
import { type Walk, verifyStudies } from '../app/operate/verify'
import { defaultPartition } from '../domain/dicom/partition'
import type { StudyRequest } from '../requests/requests'
import {
  type Answer,
  type Connected,
  type Operator,
  connected,
  endingOf,
  forgetAfterFailure,
  reasonOf,
  remember,
} from './operator'

export type { Resync } from '../app/operate/resync-study'
export type { StudyReport } from '../app/operate/resync'
export type { Scope } from '../app/operate/choose-studies'
export type { StudyFound, Walk, WalkPosition } from '../app/operate/verify'

const studyKeyOf = ({ partition = defaultPartition, studyInstanceUid }: StudyRequest) => ({
  partition,
  studyInstanceUid,
})

export const verifyOne = async (operator: Operator, request: StudyRequest): Promise<Answer<StudyReport>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  return verify(ports, settings, options, studyKeyOf(request))
}

export const resyncStudy = async (operator: Operator, request: StudyRequest): Promise<Answer<Resync>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const done = await resyncIn(context.right, request)
  if (E.isRight(done)) {
    const { stop } = done.right
    await remember(operator, context.right, {
      ...{ kind: 'resync', ended: endingOf(stop), ...countsOf(done.right) },
      ...reasonOf(stop),
    })
  }
  return done
}

const resyncIn = async (context: Connected, request: StudyRequest): Promise<Answer<Resync>> => {
  const { ports, cast: settings, options } = context
  const done = await resync(ports, settings, options, studyKeyOf(request))
  forgetAfterFailure(context, done)
  return done
}

type Counts = Readonly<Record<'entries' | 'stored' | 'recorded', number>>

const countsOf = ({ stored, unchanged, removed, notCast }: Resync): Counts => {
  const recorded = Object.values(notCast).reduce((total, count) => total + count, 0)
  return { entries: stored + unchanged + removed + recorded, stored: stored + removed, recorded }
}

/** What a walk mends: one study after the other, and one line of the run history for all of them. */
export interface Repair {
  readonly study: (request: StudyRequest) => Promise<Answer<Resync>>
  readonly remember: (ended: string, reason: string) => Promise<void>
}

export const repairing = (operator: Operator): Answer<Repair> =>
  E.map((walk: Connected): Repair => {
    let sum: Counts = { entries: 0, stored: 0, recorded: 0 }
    return {
      study: async (request) => {
        const context = connected(operator)
        if (E.isLeft(context)) return context
        const done = await resyncIn(context.right, request)
        if (E.isLeft(done)) return done
        const { entries, stored, recorded } = countsOf(done.right)
        sum = { entries: sum.entries + entries, stored: sum.stored + stored, recorded: sum.recorded + recorded }
        return done
      },
      remember: (ended, reason) => remember(operator, walk, { kind: 'verify', ended, ...sum, reason }),
    }
  })(connected(operator))

/** How many studies a walk may take out of FHIR, by how many it compared. */
export const mostGoneOf = (operator: Operator, confirmed: number | undefined): Answer<(compared: number) => number> =>
  E.map(
    ({ settings }: Connected) =>
      (compared: number) =>
        mostGone(settings.maxGone, compared, confirmed),
  )(connected(operator))

/** Many studies, for the command line: `verifyOne` for each of a scope. */
export const verifyMany = async (operator: Operator, walk: Walk): Promise<Answer<'Done' | 'Stopped'>> => {
  const context = connected(operator)
  if (E.isLeft(context)) return context
  const { ports, cast: settings, options } = context.right
  const ended = await verifyStudies(ports, settings, options, walk)
  return E.isLeft(ended) ? service(ended.left) : ended
}
