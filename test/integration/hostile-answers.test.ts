import { describe, expect, it } from '@jest/globals'
import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { jsonLog } from '../../lib/adapters/log'
import { cast } from '../../lib/composition/cast'
import { reportOf } from '../processes/cast-process'
import { type EndState, endStateOf } from '../processes/end-state'
import type { Spoil } from '../processes/gate'
import { bomb, bundles, drip, hostileAnswers, outcomes, redirectTo, withNext } from '../processes/hostile-answers'
import type { Kind } from '../processes/request-kinds'
import { type ProcessWorld, openWorld } from '../processes/world'
import { useAzurite } from '../support/world/azurite'
import { created, images } from '../support/world/cast-images'

// A service or something before it answers what it should not: the run ends or goes on, and the next one, when the
// services are themselves again, ends in the same state as if nothing had been.

const azurite = useAzurite()

const withWorld = async <A>(use: (world: ProcessWorld) => Promise<A>, settings = {}): Promise<A> => {
  const world = await openWorld(azurite(), settings)
  try {
    world.dicom.control.append(...images(3), created({ study: '1.2.4', patientId: 'P2', birthDate: '20201332' }))
    return await use(world)
  } finally {
    await world.close()
  }
}

/** All answers of this kind from now on, or only the first ones. */
const spoil = (world: ProcessWorld, kind: Kind, answer: Spoil, times = Infinity): { readonly hits: () => number } => {
  let hits = 0
  world.gates.watch({
    before: () => Promise.resolve(true),
    after: (request) => Promise.resolve(request.kind === kind && hits++ < times ? answer : true),
  })
  return { hits: () => Math.min(hits, times) }
}

/** TransientRetry tells that a run ended: that is all that may be left of it. */
const stateOf = async (world: ProcessWorld): Promise<EndState> => {
  const { tables, ...state } = await endStateOf(world)
  return { ...state, tables: { ...tables, TransientRetryExceptionTable: [] } }
}

/** What fails is tried again until `isEnough`: a slow machine has its time, and nothing waits for a budget to end. */
const run = async (world: ProcessWorld, isEnough: () => boolean): Promise<unknown> => {
  const report = await cast({
    environment: world.settings,
    log: jsonLog(() => undefined),
    maxBatches: 0,
    budgetMs: 30_000,
    stopping: isEnough,
  })
  return report.ended
}

/** The second part moves a study: only then is its metadata read. */
const move = (world: ProcessWorld): void => {
  world.dicom.control.append({ ...created({ study: '1.2.4', patientId: 'P1' }), action: 'update' })
}

const undisturbed = async (): Promise<EndState> =>
  withWorld(async (world) => {
    await world.castHere()
    move(world)
    await world.castHere()
    return stateOf(world)
  })

/** How the run ended, and whether the end state is the undisturbed one after all. */
const hostileRun = (kind: Kind, answer: Spoil, wanted: EndState): Promise<string | undefined> =>
  withWorld(async (world) => {
    if (kind === 'DICOM: metadata of a study') {
      await world.castHere()
      move(world)
    }
    const { hits } = spoil(world, kind, answer)
    const ended = await run(world, () => hits() > 1)
    if (hits() === 0) return `${kind}: was never asked`
    if (!['ServiceUnavailable', 'Stopped', 'CaughtUp'].includes(String(ended))) return `${kind}: ended ${String(ended)}`
    spoil(world, 'other', answer)
    await world.castHere()
    if (kind !== 'DICOM: metadata of a study') {
      move(world)
      await world.castHere()
    }
    return same(await stateOf(world), wanted) ? undefined : `${kind}: ends otherwise`
  })

const same = (left: EndState, right: EndState): boolean => {
  const holeless = (state: EndState): string => JSON.stringify(state).replace(/"StuckSince":"[^"]*",?/g, '')
  return holeless(left) === holeless(right)
}

const kinds: ReadonlyArray<Kind> = [
  'feed: newest entry',
  'feed: page',
  'DICOM: metadata of a study',
  'FHIR: metadata',
  'FHIR: pointer read',
  'FHIR: pointer written',
  'FHIR: position read',
  'FHIR: position born',
  'FHIR: batch of searches',
  'FHIR: transaction',
]

describe('an answer that no service should give costs nothing', () => {
  it.each(Object.entries(hostileAnswers))(
    '%s, to any request',
    async (_, answer) => {
      const wanted = await undisturbed()
      const failures = await Promise.all(kinds.map((kind) => hostileRun(kind, answer, wanted)))
      expect(failures.filter((failure) => failure !== undefined)).toEqual([])
    },
    60_000,
  )

  it.each(bundles)(
    'a bundle where %s, of searches or of a transaction',
    async (_, answer) => {
      const wanted = await undisturbed()
      const kindsOfBundles = ['FHIR: batch of searches', 'FHIR: transaction'] as const
      const failures = await Promise.all(kindsOfBundles.map((kind) => hostileRun(kind, answer, wanted)))
      expect(failures).toEqual([undefined, undefined])
    },
    60_000,
  )

  it('once is not even noticed: whatever was answered to a transaction that was carried out', async () => {
    const wanted = await undisturbed()
    for (const [name, answer] of [
      ...bundles,
      ['half a body', hostileAnswers['half a body, complete as HTTP'] ?? drip] as const,
    ]) {
      const state = await withWorld(async (world) => {
        spoil(world, 'FHIR: transaction', answer, 1)
        await world.castHere()
        move(world)
        await world.castHere()
        return stateOf(world)
      })
      expect([name, state]).toEqual([name, wanted])
    }
  }, 60_000)

  it.each(outcomes)(
    'a refusal with %s is a refusal: of all, it passes nothing by',
    async (_, answer) => {
      await withWorld(async (world) => {
        await world.castHere()
        world.dicom.control.append(...Array.from({ length: 25 }, (_each, at) => created({ study: `1.2.${at + 10}` })))
        const { hits } = spoil(world, 'FHIR: transaction', answer)
        expect(['FhirRejectsAll', 'ServiceUnavailable']).toContain(await run(world, () => hits() > 100))
        const rows = await world.rows('FhirFailToStoreExceptionTable')
        expect(JSON.stringify(rows, (_key, value: unknown) => String(value))).not.toMatch(/Doe|Jane|where/)
        expect(rows).toEqual([])
      })
    },
    60_000,
  )
})

describe('a resource that nobody could write again', () => {
  it('because it goes down for ever ends the run: nothing is lost, and nobody blamed', async () => {
    await withWorld(async (world) => {
      const nested = (depth: number): object => (depth === 0 ? {} : { extension: [nested(depth - 1)] })
      world.fhir.seed({ resourceType: 'Patient', id: 'deep', identifier: [{ value: 'P1' }], ...nested(2_000) })
      expect(await run(world, () => true)).toBe('ServiceUnavailable')
      expect(await world.rows('FhirFailToStoreExceptionTable')).toEqual([])
      world.fhir.seed({ resourceType: 'Patient', id: 'deep', identifier: [{ value: 'P1' }] })
      await world.castHere()
      expect(world.fhir.store.ofType('ImagingStudy')).toHaveLength(2)
    })
  }, 60_000)
})

describe('another host', () => {
  /** Counts whoever comes. */
  const stranger = async () => {
    const visits: string[] = []
    const server = createServer((incoming, outgoing) => {
      visits.push(`${incoming.method} ${incoming.url}`)
      outgoing.end('{}')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/elsewhere`
    return { url, visits, close: () => new Promise((closed) => server.close(closed)) }
  }

  it('is never asked: neither where a redirect leads, nor a link to a next page', async () => {
    const elsewhere = await stranger()
    const wanted = await undisturbed()
    const redirects = kinds.map((kind) => hostileRun(kind, redirectTo(elsewhere.url), wanted))
    const links = hostileRun('FHIR: batch of searches', withNext(elsewhere.url), wanted)
    expect((await Promise.all([...redirects, links])).filter((failure) => failure !== undefined)).toEqual([])
    expect(elsewhere.visits).toEqual([])
    await elsewhere.close()
  }, 60_000)
})

describe('a body without an end, to the compiled app', () => {
  it.each(kinds.filter((kind) => kind !== 'DICOM: metadata of a study'))(
    'that drips byte by byte is given up after DicomCast__RequestTimeout: %s',
    async (kind) => {
      const wanted = await undisturbed()
      await withWorld(
        async (world) => {
          const { hits } = spoil(world, kind, drip, 1)
          const { code, ...ended } = await world.start('--until-caught-up').ended
          expect([code, reportOf({ code, ...ended })['ended']]).toEqual([0, 'CaughtUp'])
          expect(hits()).toBe(1)
          move(world)
          await world.castHere()
          expect(await stateOf(world)).toEqual(wanted)
        },
        { DicomCast__RequestTimeout: '00:00:01' },
      )
    },
    60_000,
  )

  it('that unfolds to more than DicomCast__MaxPageBytes is asked for in smaller pieces, and nothing is lost', async () => {
    const wanted = await undisturbed()
    await withWorld(async (world) => {
      const { hits } = spoil(world, 'feed: page', bomb, 2)
      const { code, ...ended } = await world.start('--until-caught-up').ended
      expect([code, reportOf({ code, ...ended })['ended']]).toEqual([0, 'CaughtUp'])
      expect(hits()).toBe(2)
      move(world)
      await world.castHere()
      expect(await stateOf(world)).toEqual(wanted)
    })
  }, 60_000)
})
