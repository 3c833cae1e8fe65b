import type { EntryError } from '../../lib/domain/cast-error'
import { type Key, type Row, studyText } from './feed-model'
import { type ExpectedStudy, claimsOf, isUnknowable } from './reference'
import type { Services } from './runs'

const instanceName = (key: Key): string => `Instance ${studyText(key)}/${key.instance}`

/** What may rightly stand in a fail table: only that for which something was planted. */
export interface Causes {
  readonly planted: (row: Row, error: EntryError, study: ExpectedStudy | undefined) => boolean
  /** Two that are refused one after the other stand for the whole study, also when it is cast again. */
  readonly isDoubtful: (study: ExpectedStudy) => boolean
}

export const causesOf = ({ feed, fhir: { verdicts, others, isLoose } }: Services): Causes => {
  const isCulprit = (name: string): boolean => verdicts.rejects(name) || verdicts.failsFor(name)

  const isDoubtful = ({ images }: ExpectedStudy): boolean =>
    images.filter(({ image }) => isCulprit(instanceName(image.key))).length > 1

  /** Itself, its study, a patient that it ever named, or its study on the evidence of two others. */
  const isRefused = ({ image }: Row, study: ExpectedStudy | undefined): boolean =>
    isCulprit(instanceName(image.key)) ||
    isCulprit(`Study ${studyText(image.key)}`) ||
    image.rows.some(({ tags }) => tags !== undefined && isCulprit(`Patient ${tags.patientId}`)) ||
    (study !== undefined && isDoubtful(study))

  return {
    isDoubtful,
    planted: (row, error, study) => {
      const name = studyText(row.image.key)
      switch (error._tag) {
        case 'EntryMalformed':
          return row.image.poison
        case 'PatientMismatch':
          // Where half of a study cannot be read nobody can say on whom it agrees.
          return feed.poisoned.has(name) || (study !== undefined && claimsOf(study).size > 1)
        case 'DemographicsConflict':
          return row.tags !== undefined && row.tags.patientId !== '' && isUnknowable(row.tags)
        case 'PatientAmbiguous':
          return isLoose === true || others.doubled.has(row.tags?.patientId ?? '')
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
