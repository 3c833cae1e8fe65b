import { describe, expect, it } from '@jest/globals'
import type { ImagingStudy } from 'fhir/r4'
import { calmServices, calmSettings, instancesIn, tagsWith } from './calm-services'
import { checkEnd } from './check-end'
import { patientIdOf } from './check-study'
import type { Report } from './dose-report'
import type { Change, Tags } from './feed-model'
import { type Services, startRun } from './runs'
import { type World, makeWorld } from './world'

/** What happens in the DICOM service, told step by step; each step is cast whole before the next. */
const told = (world: World, services: Services, partition: string, settings = calmSettings(10)) => {
  const { feed } = services
  const imageOf = (number: number, study = '1.2') =>
    feed.image({ partition, study, series: `${study}.1`, instance: `${study}.1.${number}` }, false)
  let runs = 0
  const cast = async (): Promise<void> => {
    const { process } = startRun(world, services, settings, `run${++runs}`, 240_000)
    await world.scheduler.run(() => !process.alive)
  }
  return {
    cast,
    happens: async (...statements: ReadonlyArray<ReadonlyArray<Change>>): Promise<void> => {
      for (const changes of statements) {
        feed.begin(changes, 0, 0, false)
        await world.scheduler.run(() => feed.open() === 0)
      }
      await cast()
    },
    /** Until the checkpoint rests there, a minute between two runs. */
    castUntil: async (sequence: number): Promise<void> => {
      for (let more = 0; more < 40 && services.storage.checkpoint?.checkpoint.syncedSequence !== sequence; more++) {
        world.scheduler.after(60_000, () => undefined)
        await world.scheduler.run(() => false, world.scheduler.now() + 60_000)
        await cast()
      }
    },
    upsert: (
      action: 'Create' | 'Update',
      number: number,
      poison = false,
      { study, ...own }: Partial<Tags> & { readonly study?: string } = {},
    ): Change => ({
      ...{ image: imageOf(number, study), action, poison },
      // Called as checkEnd knows everybody to be.
      tags: tagsWith({ family: `Family ${own.patientId ?? 'P1'}`, birthDate: '19700101', ...own, number }),
    }),
    removal: (number: number): Change => ({ image: imageOf(number), action: 'Delete', tags: undefined, poison: false }),
  }
}

const failRows = ({ storage }: Services): ReadonlyArray<string> =>
  [...storage.fails.values()].map(({ row }) => `${row.sequence} ${row.error._tag}`).sort()

describe('what the simulator calls right', () => {
  it.each(['Microsoft.Default', 'research'])(
    'is a study of %s that lost all images, came back, and cannot be deleted: the edit of before is gone with them',
    async (partition) => {
      const world = makeWorld(1, { only: new Set() })
      const services = calmServices(world, { refusesToDelete: () => true })
      const { store } = services.fhir
      const edits = new Map<string, string>()
      const edited: Services = { ...services, fhir: { ...services.fhir, others: { ...services.fhir.others, edits } } }
      const { happens, upsert, removal } = told(world, services, partition)
      await happens([upsert('Create', 1)])
      const [study] = store.all('ImagingStudy')
      const path = `ImagingStudy/${study?.id}`
      store.put(path, { ...(study as ImagingStudy), extension: [{ url: 'urn:other', valueUri: 'urn:other:1' }] })
      edits.set(path, 'urn:other:1')
      await happens([removal(1)], [upsert('Create', 2)])
      expect([failRows(edited), checkEnd(edited, false)]).toEqual([[], []])
      await happens([removal(2)])
      expect(store.all('ImagingStudy')).toMatchObject([{ id: study?.id, status: 'cancelled', numberOfInstances: 0 }])
      expect([checkEnd(edited, false), world.violations]).toEqual([[], []])
    },
  )

  it('is a study with nothing of the image that is gone, when a late row says that it is another patient’s by now', async () => {
    const world = makeWorld(1, { only: new Set() })
    const services = calmServices(world)
    const { feed, fhir } = services
    const { cast, happens, upsert, removal } = told(world, services, 'Microsoft.Default')
    await happens([upsert('Create', 1)])
    const others = { patientId: 'P2', description: 'two' }
    feed.begin([upsert('Create', 2, false, others)], 0, 60_000, false)
    await world.scheduler.run(() => false, world.scheduler.now() + 1)
    feed.begin([upsert('Create', 3, false, others)], 0, 0, false)
    await world.scheduler.run(() => feed.rows.length === 2)
    await cast()
    expect(failRows(services)).toEqual(['3 PatientMismatch'])
    await happens([removal(1)])
    expect(fhir.store.all('ImagingStudy')).toMatchObject([{ description: 'two', numberOfInstances: 2 }])
    expect([failRows(services), checkEnd(services, false), world.violations]).toEqual([[], [], []])
  })

  it('is a study without a subject while somebody deleted the Patient, and an image of it cannot be read', async () => {
    const world = makeWorld(1, { only: new Set() })
    const services = calmServices(world)
    const { fhir } = services
    const patients = new Set<string>()
    const seen: Services = { ...services, fhir: { ...fhir, others: { ...fhir.others, patients } } }
    const { castUntil, happens, upsert } = told(world, services, 'Microsoft.Default')
    await happens([upsert('Create', 1), upsert('Create', 2)])
    const [patient] = fhir.store.all('Patient')
    fhir.store.remove(`Patient/${patient?.id}`)
    patients.add(`Patient/${patient?.id}`)
    await happens([upsert('Update', 1), upsert('Update', 2, true)])
    await castUntil(4)
    // One of two is no majority: nobody can say whose the study is, and both images stand where an operator looks.
    expect(failRows(seen)).toEqual(['3 PatientMismatch', '4 EntryMalformed'])
    expect([checkEnd(seen, true), world.violations]).toEqual([[], []])
  })

  it('is a Patient with the newest name, though a transaction of older rows was refused beside it', async () => {
    const world = makeWorld(1, { only: new Set() })
    const services = calmServices(world, {
      verdictOn: (bundle) => (instancesIn(bundle).includes('1.4.1.3') ? 'rejected' : 'fine'),
    })
    const settings = { ...calmSettings(10), maxBundleEntries: 3 }
    const { happens, upsert } = told(world, services, 'Microsoft.Default', settings)
    const named = (number: number, study: string, given: string): Change =>
      upsert('Create', number, false, { study, given })
    await happens([named(1, '1.2', 'Bo')])
    // The three of them leave the Patient as it is; the first two, alone, do not.
    await happens([named(2, '1.3', 'Ann'), named(3, '1.4', 'Ann'), named(4, '1.5', 'Bo')])
    expect(services.fhir.store.all('Patient')).toMatchObject([{ name: [{ given: ['Bo'] }] }])
    expect(failRows(services)).toEqual(['3 FhirRejected'])
    expect(services.fhir.store.all('ImagingStudy')).toHaveLength(3)
  })

  /**
   * An Update of a person's newest study, one of another, and a later image of a third, in bundles that take the two with
   * doses apart: they are written behind the third.
   */
  const asWrittenLast = async (image: { readonly study: string; readonly given: string }) => {
    const world = makeWorld(1, { only: new Set() })
    const services = calmServices(world)
    const settings = { ...calmSettings(10), maxBundleEntries: 3 }
    const { happens, upsert } = told(world, services, 'Microsoft.Default', settings)
    const report: Report = { events: ['1.7.1', '1.7.2'], dlp: 1, minute: 1, preliminary: false }
    const corrected = (study: string, given: string): Change => upsert('Update', 1, false, { study, given, report })
    await happens([corrected('1.2.2', 'Ann'), corrected('1.2.3', 'Bo'), upsert('Create', 1, false, image)])
    expect([checkEnd(services, true), world.violations]).toEqual([[], []])
    return services.fhir.store.all('Patient')
  }

  it('is a Patient with what the last correction says, though an image of an older study was written before it', async () => {
    expect(await asWrittenLast({ study: '1.2.1', given: 'Ann' })).toMatchObject([{ name: [{ given: ['Bo'] }] }])
  })

  it('is a Patient with what an image of the newest study says that came behind the corrections', async () => {
    expect(await asWrittenLast({ study: '1.2.5', given: 'Cy' })).toMatchObject([{ name: [{ given: ['Cy'] }] }])
  })

  it('is a Patient with what a correction says, though a later image of a middling study was stored before it', async () => {
    const world = makeWorld(1, { only: new Set() })
    const services = calmServices(world, {
      verdictOn: (bundle) => (instancesIn(bundle).includes('1.2.8.1.9') ? 'rejected' : 'fine'),
    })
    const { happens, upsert } = told(world, services, 'Microsoft.Default')
    const named = (number: number, study: string, given: string): Change =>
      upsert('Create', number, false, { study, given })
    await happens([named(1, '1.2.2', 'Ann')])
    const corrected = upsert('Update', 1, false, { study: '1.2.8', given: 'Bo' })
    // Refused together, they come study by study.
    await happens([named(1, '1.2.3', 'Ann'), corrected, named(9, '1.2.8', 'Bo'), named(2, '1.2.3', 'Ann')])
    expect(failRows(services)).toEqual(['4 FhirRejected'])
    expect(services.fhir.store.all('Patient')).toMatchObject([{ name: [{ given: ['Bo'] }] }])
  })

  it('is a study that holds nobody else’s image, not even for a moment, when a note of it withdraws the stray', async () => {
    const world = makeWorld(1, { only: new Set() })
    const services = calmServices(world)
    const { store } = services.fhir
    const held: Array<string> = []
    const committed = (): void => {
      for (const { subject, series = [] } of store.all('ImagingStudy')) {
        const images = series.flatMap(({ instance = [] }) => instance.map(({ uid }) => uid))
        held.push(`${patientIdOf(store.get(subject.reference ?? ''))}: ${images.join(' ')}`)
      }
    }
    const seen: Services = { ...services, fhir: { ...services.fhir, committed } }
    const { happens, upsert } = told(world, seen, 'Microsoft.Default')
    await happens([upsert('Create', 1)], [upsert('Create', 2, false, { patientId: 'P2' })])
    const key = { partition: 'Microsoft.Default', study: '1.2', series: '1.2.1', instance: '1.2.1.1' }
    await happens([upsert('Create', 9, false, { patientId: 'P2', note: { code: '113037', lists: [key] } })])
    expect(new Set(held)).toEqual(new Set(['P1: 1.2.1.1', 'P2: 1.2.1.2']))
  })

  it('is every image on record whose new person is refused, though one more came, and another went', async () => {
    const world = makeWorld(1, { only: new Set() })
    const services = calmServices(world, {
      verdictOn: (bundle) => (JSON.stringify(bundle).includes('Family P2') ? 'rejected' : 'fine'),
    })
    const { happens, upsert, removal } = told(world, services, 'Microsoft.Default')
    const moved = (number: number): Change => upsert('Update', number, false, { patientId: 'P2' })
    await happens([upsert('Create', 1), upsert('Create', 2)])
    await happens([moved(1), moved(2)])
    // That an Update of the third is superseded is asked about, and tells nothing of the others.
    await happens([moved(3)], [removal(3)], [moved(4)])
    expect(failRows(services)).toEqual(['3 FhirRejected', '4 FhirRejected', '7 FhirRejected'])
  })

  it('is a study of which one image is refused and one other fails: the rest is stored', async () => {
    const world = makeWorld(1, { only: new Set() })
    const services = calmServices(world, {
      verdictOn: (bundle) => {
        const instances = instancesIn(bundle)
        if (instances.includes('1.2.1.2')) return 'unavailable'
        return instances.includes('1.2.1.1') ? 'rejected' : 'fine'
      },
    })
    const { castUntil, happens, upsert } = told(world, services, 'Microsoft.Default')
    const other = upsert('Create', 5, false, { study: '1.3', patientId: 'P2' })
    await happens([1, 2, 3, 4].map((number) => upsert('Create', number)).concat(other))
    await castUntil(5)
    expect(failRows(services)).toEqual(['1 FhirRejected', '2 OutlastedRetries'])
    const studies = services.fhir.store.all('ImagingStudy') as ReadonlyArray<ImagingStudy>
    expect(studies.map(({ numberOfInstances }) => numberOfInstances)).toEqual([1, 2])
  })

  it('is a study of somebody on another server with those images that named another person, as soon as all name one', async () => {
    const world = makeWorld(1, { only: new Set() })
    const services = calmServices(world)
    const { store } = services.fhir
    const subject = { reference: 'https://ehr.example.org/fhir/Patient/9' }
    const identifier = [{ system: 'urn:dicom:uid', value: 'urn:oid:1.2' }]
    store.put('ImagingStudy/ris', {
      resourceType: 'ImagingStudy',
      id: 'ris',
      status: 'registered',
      identifier,
      subject,
    })
    const { happens, upsert } = told(world, services, 'Microsoft.Default')
    await happens([upsert('Create', 1, false, { patientId: 'P2' })], [upsert('Create', 2), upsert('Create', 3)])
    expect(failRows(services)).toEqual(['2 PatientMismatch', '3 PatientMismatch'])
    await happens([upsert('Update', 1)])
    expect(store.all('ImagingStudy')).toMatchObject([{ subject, numberOfInstances: 3 }])
    expect([failRows(services), world.violations]).toEqual([[], []])
  })
})
