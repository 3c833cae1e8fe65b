import { type Faults, type FaultKind, drawFaults } from './faults'
import { type Random, randomFrom } from './random'
import { type Scheduler, makeScheduler } from './scheduler'

/** What all parts of one simulated history share. */
export interface World {
  readonly seed: number
  readonly random: Random
  readonly scheduler: Scheduler
  readonly faults: Faults
  /** A line of the history; the text is made only when somebody will read it. */
  readonly say: (line: () => string) => void
  /** Something that must never be. The first one ends the history. */
  readonly violate: (text: string) => void
  readonly violations: ReadonlyArray<string>
  readonly history: ReadonlyArray<string>
  readonly at: Options['at']
  readonly unknownServer: boolean
  /** How often a run waited, until now. */
  steps: number
}

export const fhirBase = 'https://fhir.example'
export const startOfTime = Date.UTC(2026, 0, 5, 8)

const clockText = (ms: number): string => `${(ms / 1000).toFixed(3).padStart(9)}s`

export interface Options {
  readonly recording?: boolean
  /** These kinds of trouble, instead of those that the seed draws. */
  readonly only?: ReadonlySet<FaultKind>
  /** None of these, whatever the seed draws. */
  readonly without?: ReadonlySet<FaultKind>
  /** Nobody has tried yet what the FHIR server does with an old If-Match. */
  readonly unknownServer?: boolean
  /** Kill, or stop for longer than a lease, the run that comes to this step of the history. */
  readonly at?: { readonly step: number; readonly what: 'kill' | 'stop' }
}

export const makeWorld = (seed: number, { recording, only, without, at, unknownServer = false }: Options): World => {
  const random = randomFrom(String(seed))
  const scheduler = makeScheduler(startOfTime)
  const history: Array<string> = []
  const violations: Array<string> = []
  const say = (line: () => string): void => {
    if (recording === true) history.push(`${clockText(scheduler.now() - startOfTime)} ${line()}`)
  }
  return {
    seed,
    random,
    scheduler,
    faults: drawFaults(random.fork('faults'), only, without),
    say,
    violate: (text) => {
      say(() => `VIOLATION ${text}`)
      violations.push(text)
    },
    violations,
    history,
    at,
    unknownServer,
    steps: 0,
  }
}
