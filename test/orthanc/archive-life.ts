import type { Image } from '../support/world/cast-images'
import type { OrthancClient } from './orthanc-client'

// What happens to an archive in a clinic, kind after kind, and always the same for a seed.

export interface ArchiveLife {
  /** So many new studies of two or three images each. */
  readonly arrive: (studies: number) => Promise<void>
  /** So many changes, of every kind in turn. */
  readonly change: (times: number) => Promise<void>
  /** A new image for so many studies, of as many patients. */
  readonly continueStudies: (studies: number) => Promise<void>
  /** How often each kind of change has happened. */
  readonly told: () => Readonly<Record<string, number>>
}

const patients = 60

const randomFrom = (seed: number) => {
  let state = seed
  return (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const elements = { '00081030': { vr: 'LO', Value: ['As acquired'] } }

const imageOf = (study: number, rest: Pick<Image, 'series' | 'instance' | 'elements'> = {}): Image => ({
  study: `1.2.40.${study}`,
  patientId: `P${study % patients}`,
  name: `Person${study % patients}^Ana`,
  elements,
  ...rest,
})

export const liveIn = (orthanc: OrthancClient, seed: number): ArchiveLife => {
  const { get, store, remove, modify, anonymise } = orthanc
  const random = randomFrom(seed)
  const told: Record<string, number> = {}
  let [arrived, images] = [0, 10]

  const arrive: ArchiveLife['arrive'] = async (studies) => {
    for (let count = 0; count < studies; count++) {
      const study = ++arrived
      const of = [imageOf(study), imageOf(study, { instance: 2 }), imageOf(study, { series: 2 })]
      await store(...of.slice(0, 2 + (study % 2)))
    }
  }
  const oneOf = async (level: string): Promise<string> => {
    const ids = await get<ReadonlyArray<string>>(`/${level}`)
    return ids[random(ids.length)] ?? ''
  }
  const someStudy = (): number => 1 + random(arrived)
  const removeOne = async (level: Parameters<OrthancClient['remove']>[0]): Promise<void> =>
    remove(level, await oneOf(level))
  const Keep = ['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID']
  const Replace = { StudyDescription: 'Changed' }

  const kinds: Readonly<Record<string, () => Promise<unknown>>> = {
    'a new study': () => arrive(1),
    'a new image': () => store(imageOf(someStudy(), { instance: ++images })),
    'stored again with other values': () =>
      store(imageOf(someStudy(), { elements: { ...elements, '00200013': { vr: 'IS', Value: [++images] } } })),
    corrected: async () => modify('studies', await oneOf('studies'), { Replace, Keep, Force: true }),
    copied: async () => modify('studies', await oneOf('studies'), { Replace }),
    'modified away': async () => modify('studies', await oneOf('studies'), { Replace, KeepSource: false }),
    anonymised: async () => anonymise(await oneOf('studies')),
    'an instance deleted': () => removeOne('instances'),
    'a series deleted': () => removeOne('series'),
    'a study deleted': () => removeOne('studies'),
    'a patient deleted': () => removeOne('patients'),
  }
  let turn = 0
  return {
    arrive,
    change: async (times) => {
      const names = Object.keys(kinds)
      for (let count = 0; count < times; count++) {
        const name = names[turn++ % names.length] ?? ''
        await kinds[name]?.()
        told[name] = (told[name] ?? 0) + 1
      }
    },
    continueStudies: async (studies) => {
      for (let study = 1; study <= studies; study++) await store(imageOf(study, { instance: ++images }))
    },
    told: () => told,
  }
}
