import type { DicomService } from '../../local/dicom/service'
import { type Image, created, deleted, updated } from '../support/world/cast-images'

// What the archive of a trial holds.

export interface Size {
  readonly studies: number
  readonly images: number
}

/** As long as a scanner makes them. */
const root = '1.2.840.113619.2.55.3.604688119.868'
const uidOf = (study: number): string => `${root}.${1_000_000 + study}`

/** Two studies a patient, as everywhere in the bench. */
const imageOf = (study: number, instance: number): Image => {
  const patient = Math.floor(study / 2)
  return { ...{ study: uidOf(study), instance, patientId: `P${patient}`, name: `Doe^N${patient}` } }
}

export const fillPlain = ({ control }: DicomService, { studies, images }: Size): void => {
  for (let study = 0; study < studies; study++) {
    control.append(...Array.from({ length: images }, (_, index) => created(imageOf(study, index + 1))))
  }
}

const isEvery = (study: number, every: number): boolean => study % every === every - 1

/** With all that befalls an archive: a second partition, series, what was deleted or corrected, and what cannot be cast. */
export const fillLively = ({ control }: DicomService, { studies, images }: Size): void => {
  const of = (study: number, index: number): Image => ({
    ...imageOf(study, index + 1),
    series: (index % 3) + 1,
    // A pair of studies is one patient's, and so in one partition.
    ...(isEvery(Math.floor(study / 2), 10) ? { partition: 'research' } : {}),
    ...(isEvery(study, 29) && index === 0 ? { patientId: null } : {}),
    ...(isEvery(study, 31) ? { elements: { '00080030': { vr: 'TM', Value: ['99:99'] } } } : {}),
  })
  for (let study = 0; study < studies; study++) {
    control.append(...Array.from({ length: images }, (_, index) => created(of(study, index))))
  }
  for (let study = 0; study < studies; study++) {
    if (isEvery(study, 17)) control.append(deleted(of(study, images - 1)))
    if (isEvery(study, 23)) for (let index = 0; index < images; index++) control.append(deleted(of(study, index)))
    if (!isEvery(study, 19) || isEvery(study, 17) || isEvery(study, 23) || isEvery(study, 29)) continue
    // Another patient, who has nothing yet.
    const moved = { patientId: `Q${study}`, name: `Roe^N${study}` }
    for (let index = 0; index < images; index++) control.append(updated({ ...of(study, index), ...moved }))
  }
}
