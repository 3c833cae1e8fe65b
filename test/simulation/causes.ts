import type { EntryError } from '../../lib/domain/cast-error'
import { type Image, type Key, type Row, studyText } from './feed-model'
import { type ExpectedStudy, claimsOf, confusedIn, isUnknowable } from './reference'
import type { Services } from './runs'

const instanceName = (key: Key): string => `Instance ${studyText(key)}/${key.instance}`

export const nameOf = ({ partition, uid }: ExpectedStudy): string => studyText({ partition, study: uid })

/** What may rightly stand in a fail table: only that for which something was planted. */
export interface Causes {
  readonly planted: (row: Row, error: EntryError, study: ExpectedStudy | undefined) => boolean
  /** Two that are refused one after the other stand for the whole study, also when it is cast again. */
  readonly isDoubtful: (study: ExpectedStudy) => boolean
  /** Who it names is another of this feed to the server. */
  readonly isConfused: (patientId: string) => boolean
  /** FHIR refuses something of it, or fails for it. */
  readonly isRefused: (study: ExpectedStudy) => boolean
}

export const causesOf = (services: Services): Causes => {
  const { feed, storage, forbidden } = services
  const { verdicts, others, store } = services.fhir
  const confused = confusedIn(feed, store)
  const isCulprit = (name: string): boolean => verdicts.rejects(name) || verdicts.failsFor(name)

  const isDoubtful = ({ images }: ExpectedStudy): boolean =>
    images.filter(({ image }) => isCulprit(instanceName(image.key))).length > 1

  const namesCulprit = ({ rows }: Image): boolean =>
    rows.some(({ tags }) => tags !== undefined && isCulprit(`Patient ${tags.patientId}`))

  /** Itself, its study, a patient that it or another of its study ever named, or its study on the evidence of two others. */
  const isRefused = ({ image }: Row, study: ExpectedStudy | undefined): boolean =>
    isCulprit(instanceName(image.key)) ||
    isCulprit(`Study ${studyText(image.key)}`) ||
    namesCulprit(image) ||
    (study !== undefined && (isDoubtful(study) || study.images.some((each) => namesCulprit(each.image))))

  const isUnread = (study: ExpectedStudy | undefined): boolean =>
    study !== undefined &&
    (forbidden?.isForbidden(nameOf(study)) === true || study.images.some(({ image }) => image.poison))

  const refusesEverything = (study: ExpectedStudy): boolean =>
    verdicts.rejectedEverything() && storage.everRecorded.has(nameOf(study))

  return {
    isDoubtful,
    isConfused: (patientId) => confused.has(patientId),
    isRefused: (study) => refusesEverything(study) || study.images.some(({ row }) => isRefused(row, study)),
    planted: (row, error, study) => {
      const name = studyText(row.image.key)
      switch (error._tag) {
        case 'EntryMalformed':
          // Of what no page holds there is no way but its own.
          return row.image.poison || (row.image.oversized && forbidden?.ever.has(name) === true)
        case 'PatientMismatch':
          // Where half of a study cannot be read nobody can say on whom it agrees.
          if (isUnread(study) || (study !== undefined && claimsOf(study).size > 1)) return true
          // It was at odds with the others once, and is another person's by name: that is told when it is looked at again.
          return feed.disagreed.has(name) && row.tags !== undefined && isUnknowable(row.tags)
        case 'DemographicsConflict':
          return row.tags !== undefined && row.tags.patientId !== '' && isUnknowable(row.tags)
        case 'PatientAmbiguous':
          return confused.has(row.tags?.patientId ?? '') || others.doubled.has(row.tags?.patientId ?? '')
        case 'TagsRejected':
          return row.tags?.patientId === ''
        case 'FhirRejected':
          return verdicts.rejectedEverything() || isRefused(row, study)
        case 'OutlastedRetries':
          return verdicts.failsForSome() && isRefused(row, study)
        default:
          return false
      }
    },
  }
}
