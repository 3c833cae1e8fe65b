import { describe, expect, it } from '@jest/globals'
import type { FhirResource, ImagingStudy, Patient } from 'fhir/r4'
import type { CastSettings } from '../../../lib/app/context'
import { calmServices, calmSettings, tagsWith } from '../calm-services'
import type { Report } from '../dose-report'
import { type Doses, dosesIn } from '../doses'
import type { Action, Key, Tags } from '../feed-model'
import type { FhirStore, Flavour, Transaction } from '../fhir-store'
import { type Services, startRun } from '../runs'
import type { Verdict } from '../verdicts'
import { type World, makeWorld } from '../world'

// An exact history, the end that it must have, and every cut of it into casts.

export const system = 'urn:oid:1.2.3.4'

interface Place {
  readonly series?: number
  readonly partition?: string
  /** Where it is not made of study, series and number. */
  readonly uid?: string
}

/** What happens to one image. */
export interface Event {
  readonly action: Action
  readonly key: Key
  readonly tags: Tags | undefined
  readonly poison?: boolean
  /** No row tells it. */
  readonly silent?: true
}

const keyOf = (study: number, number: number, { series = 1, partition = 'Microsoft.Default', uid }: Place): Key => ({
  ...{ partition, study: `1.2.${study}`, series: `1.2.${study}.${series}` },
  instance: uid ?? `1.2.${study}.${series}.${number}`,
})

/** What everybody is called, and when they were born: no two are alike. */
export const person = (id: string): Pick<Tags, 'patientId' | 'family' | 'given' | 'birthDate'> => ({
  patientId: id,
  family: `Family ${id}`,
  given: 'Ann',
  birthDate: `19${50 + ([...id].reduce((sum, character) => sum + character.charCodeAt(0), 0) % 49)}0101`,
})

type Own = Partial<Tags> & Place

const telling =
  (action: 'Create' | 'Update') =>
  (study: number, number: number, patient: string, { series, partition, uid, ...own }: Own = {}): Event => {
    const place = {
      ...(series === undefined ? {} : { series }),
      ...(partition === undefined ? {} : { partition }),
      ...(uid === undefined ? {} : { uid }),
    }
    return { action, key: keyOf(study, number, place), tags: tagsWith({ ...person(patient), ...own, number }) }
  }

/** An image, by the numbers of its study and of its own. */
export const create = telling('Create')
export const update = telling('Update')
export const remove = (study: number, number: number, place: Place = {}): Event => ({
  action: 'Delete',
  key: keyOf(study, number, place),
  tags: undefined,
})

/** It got other UIDs: it is not there any more, and no row tells. */
export const vanish = (study: number, number: number, place: Place = {}): Event => ({
  ...remove(study, number, place),
  silent: true,
})

/** A rejection note of this title (DCM) that lists images, by the numbers of their studies and of their own. */
export const rejecting = (
  code: string,
  ...lists: ReadonlyArray<readonly [study: number, number: number, place?: Place & { readonly sopClass?: string }]>
): Pick<Tags, 'note'> => ({
  note: {
    code,
    lists: lists.map(([study, number, { sopClass, ...place } = {}]) => ({
      ...keyOf(study, number, place),
      ...(sopClass === undefined ? {} : { sopClass }),
    })),
  },
})

export const report = (dlp: number, events: ReadonlyArray<string>, own: Partial<Report> = {}): { report: Report } => ({
  report: { dlp, events, minute: 60, preliminary: false, ...own },
})

/** Rows that are seen at once. */
export type Statement = ReadonlyArray<Event>

export interface Story {
  /** What other systems put into FHIR. */
  readonly fhir?: ReadonlyArray<FhirResource>
  /** What other systems put there later, when `before` is cast. */
  readonly meanwhile?: (store: FhirStore) => ReadonlyArray<FhirResource>
  /** They change and delete, too: only the store of the simulator can be told so. */
  readonly changesFhir?: true
  readonly flavour?: Partial<Flavour>
  /** What FHIR answers to a transaction, for ever. */
  readonly verdictOn?: (bundle: Transaction) => Verdict
  readonly patient?: Partial<CastSettings['patient']>
  /** After so many batches a run ends, and the next one begins with what is stored. */
  readonly maxBatches?: number
  /** Cast whole, before anything else happens. */
  readonly before?: ReadonlyArray<Statement>
  readonly then: ReadonlyArray<Statement>
  /** Only as it comes, or only from the quiet feed: what lies between is another story. */
  readonly cuts?: 'as it comes' | 'from the quiet feed'
}

export interface Cut {
  readonly name: string
  /** Cast behind these statements. */
  readonly behind: (statement: number) => boolean
  readonly batchSize: number
}

export const cutsOf = ({ then, cuts }: Pick<Story, 'then' | 'cuts'>): ReadonlyArray<Cut> => {
  const quiet = [1, 2, 3, 1_000].map((batchSize): Cut => ({
    name: `from the quiet feed, ${batchSize} rows a batch`,
    behind: () => false,
    batchSize,
  }))
  const live = [1, 1_000].map((batchSize): Cut => ({
    name: `as it comes, ${batchSize} rows a batch`,
    behind: () => true,
    batchSize,
  }))
  const between = then.slice(0, -1).flatMap((_statement, at) =>
    [1, 1_000].map((batchSize): Cut => ({
      name: `with a cut behind statement ${at + 1}, ${batchSize} rows a batch`,
      behind: (statement) => statement === at,
      batchSize,
    })),
  )
  if (cuts === 'as it comes') return live
  return cuts === 'from the quiet feed' ? quiet : [...quiet, ...live, ...(then.length > 2 ? between : [])]
}

export interface End {
  /** By number: whose it is, and the numbers of its images. */
  readonly studies: Readonly<Record<string, string>>
  /** Study, image, code. */
  readonly rows: ReadonlyArray<string>
  readonly doses: Readonly<Record<string, Doses>>
  /** What may never be, whatever the story is. */
  readonly problems: ReadonlyArray<string>
}

const dayMs = 90_000_000

const restOf = async (world: World, services: Services, settings: CastSettings, name: string): Promise<void> => {
  for (let runs = 1; runs <= 60; runs++) {
    const running = startRun(world, services, settings, `${name}-${runs}`, 240_000)
    await world.scheduler.run(() => !running.process.alive)
    if (running.summary?.ended === 'CaughtUp' && running.summary.openHoles === 0) return
    world.scheduler.after(60_000, () => undefined)
    await world.scheduler.run(() => false, world.scheduler.now() + 60_000)
  }
  world.violate(`${name}: no end after 60 runs`)
}

const tell = async (world: World, { feed }: Services, statement: Statement): Promise<void> => {
  const changes = statement.map(({ key, poison = false, ...event }) => ({
    ...{ ...event, image: feed.image(key, false), poison },
  }))
  feed.begin(changes, 0, 0, false)
  await world.scheduler.run(() => feed.open() === 0)
}

const shortName = (study: string, uid: string): string =>
  uid.startsWith(`${study}.`) ? (uid.split('.').at(-1) ?? uid) : uid

const ownerOf = (store: FhirStore, { subject, contained = [] }: ImagingStudy): string => {
  const { reference = '' } = subject
  const inside = contained.find(({ id }) => reference === `#${id}`)
  const patient = (inside ?? store.get(reference)) as Patient | undefined
  const [identifier] = patient?.identifier ?? []
  return identifier?.value ?? subject.reference ?? subject.identifier?.value ?? 'nobody'
}

/** An entry that was recorded: whose it is, and why. */
export interface Recorded {
  readonly study: string
  readonly instance: string
  readonly code: string
}

/** What FHIR holds of a story, in its own words. */
export const endIn = (store: FhirStore, recorded: ReadonlyArray<Recorded>): End => {
  const { byStudy, problems } = dosesIn(store)
  const addresses = new Map(store.all('Endpoint').map(({ id, address }) => [`Endpoint/${id}`, address]))
  const nameOf = (study: ImagingStudy): string => {
    const uid = (study.identifier ?? []).find(({ system: each }) => each === 'urn:dicom:uid')?.value?.slice(8) ?? ''
    const address = (study.endpoint ?? []).map(({ reference }) => addresses.get(reference ?? '') ?? '').join('')
    const partition = (/partitions\/(.*)$/.exec(address) ?? /partitions\/(.*)$/.exec(study.meta?.source ?? ''))?.[1]
    return `${partition === undefined ? '' : `${partition}/`}${uid.replace('1.2.', '')}`
  }
  const all = store.all('ImagingStudy')
  const studies = all.flatMap((study) => {
    const uid = `1.2.${nameOf(study).split('/').at(-1)}`
    const images = (study.series ?? []).flatMap(({ instance = [] }) => instance.map((each) => shortName(uid, each.uid)))
    return images.length === 0 ? [] : [[nameOf(study), `${ownerOf(store, study)}: ${images.sort().join(' ')}`] as const]
  })
  return {
    studies: Object.fromEntries(studies),
    rows: recorded
      .map(({ study, instance, code }) => `${study.replace('1.2.', '')} ${shortName(study, instance)} ${code}`)
      .sort(),
    doses: Object.fromEntries(
      all.flatMap((study) => {
        const doses = byStudy.get(`ImagingStudy/${study.id}`)
        return doses === undefined ? [] : [[nameOf(study), doses] as const]
      }),
    ),
    problems: [
      ...problems,
      ...(new Set(studies.map(([name]) => name)).size < studies.length ? ['a study is there twice'] : []),
    ],
  }
}

const endOf = (world: World, { storage, fhir, feed }: Services): End => {
  const recorded = [...storage.fails.values()].map(({ row }) => {
    const { key } = feed.rows.find(({ sequence }) => sequence === row.sequence)?.image ?? {}
    return {
      study: row.key.studyInstanceUid ?? key?.study ?? '?',
      instance: row.key.sopInstanceUid ?? key?.instance ?? '?',
      code: row.error._tag,
    }
  })
  const end = endIn(fhir.store, recorded)
  return { ...end, problems: [...end.problems, ...world.violations] }
}

/** The story, cast as the cut says, until nothing is left to do; and a day later, when rows have been looked at again. `seed`: of what takes how long. */
export const endAfter = async (
  story: Story,
  { behind, batchSize }: Omit<Cut, 'name'>,
  seed = 1,
): Promise<End & { services: Services }> => {
  const world = makeWorld(seed, { only: new Set() })
  const { flavour = {}, verdictOn, maxBatches } = story
  const services = calmServices(world, verdictOn === undefined ? { flavour } : { flavour, verdictOn })
  const calm = { ...calmSettings(batchSize), ...(maxBatches === undefined ? {} : { maxBatches }) }
  const settings = { ...calm, patient: { ...calm.patient, systemId: system, ...story.patient } }
  const put = (resources: ReadonlyArray<FhirResource>): void => {
    for (const each of resources) services.fhir.store.put(`${each.resourceType}/${each.id}`, each)
  }
  put(story.fhir ?? [])
  for (const statement of story.before ?? []) await tell(world, services, statement)
  if (story.before !== undefined) await restOf(world, services, settings, 'before')
  put(story.meanwhile?.(services.fhir.store) ?? [])
  for (const [at, statement] of story.then.entries()) {
    await tell(world, services, statement)
    if (behind(at)) await restOf(world, services, settings, `behind ${at + 1}`)
  }
  await restOf(world, services, settings, 'end')
  world.scheduler.after(dayMs, () => undefined)
  await world.scheduler.run(() => false, world.scheduler.now() + dayMs)
  await restOf(world, services, settings, 'a day later')
  return { ...endOf(world, services), services }
}

export const ending = (studies: End['studies'], more: Partial<Omit<End, 'studies'>> = {}): End => ({
  ...{ studies, rows: [], doses: {}, problems: [] },
  ...more,
})

/** A story that is told, and how it must end. */
export interface Pinned {
  readonly claim: string
  readonly story: Story
  /** One of them, where there are several. */
  readonly ends: ReadonlyArray<End>
  /** What the end does not tell. */
  readonly more: (store: FhirStore) => void
}

/** The stories of the files of cases that were imported, in order. */
export const told: Pinned[] = []

export const pinned = (
  claim: string,
  story: Story,
  end: End | ReadonlyArray<End>,
  more: Pinned['more'] = () => undefined,
): void => {
  told.push({ claim, story, ends: Array.isArray(end) ? (end as ReadonlyArray<End>) : [end as End], more })
}

export const expectEnd = (found: End, { ends: [only, ...others] }: Pick<Pinned, 'ends'>): void => {
  if (others.length === 0) expect(found).toEqual(only)
  else expect([only, ...others]).toContainEqual(found)
}

/** A test for each cut of each story. */
export const playInEveryCut = (): void => {
  describe.each(told)('$claim', (each) => {
    it.each(cutsOf(each.story))('$name', async (cut) => {
      const { services, ...found } = await endAfter(each.story, cut)
      expectEnd(found, each)
      each.more(services.fhir.store)
    })
  })
}
