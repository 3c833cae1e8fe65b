import * as E from 'fp-ts/Either'
import type { ServiceError } from '../../lib/domain/cast-error'
import { type Image, studyText } from './feed-model'
import type { World } from './world'

/** A study that the archive forbids by its own route, and the feed tells all the same. */
export interface Forbidden {
  /** What it answers who asks for this study, or an instance of it. */
  readonly answers: (partition: string, study: string) => E.Either<ServiceError, never> | undefined
  readonly isForbidden: (name: string) => boolean
  readonly wasForbidden: (name: string, since: number) => boolean
  /** Studies (studyText) that ever were. */
  readonly ever: ReadonlySet<string>
  readonly forbid: (name: string) => void
  /** It forbids none any more. */
  readonly allow: () => void
}

const denied: E.Either<ServiceError, never> = E.left({
  ...{ _tag: 'AccessDenied', hop: 'dicom', status: 403 },
  reason: 'not this study',
})

/** At each request; from a stream of its own, so that a history in which it never comes to that stays as it was. */
const likely = 0.2

/** One in a history: two side by side are the service, as long as nothing else is there to compare them with. */
export const makeForbidden = (world: World): Forbidden => {
  const { faults, scheduler, say } = world
  const random = world.random.fork('forbidden')
  const ever = new Set<string>()
  const mayForbid = faults.has('dicom: forbids a study')
  let [now, allowedAt]: [string | undefined, number] = [undefined, -Infinity]
  const allow = (): void => {
    if (now !== undefined) say(() => `dicom  forbids ${now} no more`)
    if (now !== undefined) allowedAt = scheduler.now()
    now = undefined
  }
  const forbid = (name: string): void => {
    now = name
    ever.add(name)
    say(() => `dicom  forbids ${name}`)
  }
  return {
    ever,
    isForbidden: (name) => name === now,
    wasForbidden: (name, since) => name === now || (ever.has(name) && allowedAt >= since),
    forbid,
    allow,
    answers: (partition, study) => {
      const name = studyText({ partition, study })
      if (ever.size === 0 && mayForbid && !faults.isQuiet() && random.chance(likely)) {
        faults.hit('dicom: forbids a study')
        forbid(name)
        // Or until somebody sets that right.
        if (random.chance(0.5)) scheduler.after(random.between(10_000, 900_000), allow)
      }
      return name === now ? denied : undefined
    },
  }
}

/** It got other UIDs, no row tells, and nobody could look where it stood before: under the new ones it may be gone since. */
export const isUnseen = (forbidden: Forbidden | undefined, { key, rows, tags }: Image): boolean =>
  tags === undefined && rows.at(-1)?.tags !== undefined && forbidden?.ever.has(studyText(key)) === true
