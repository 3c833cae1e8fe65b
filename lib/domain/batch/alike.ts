import type { DicomDataset } from '../dicom/dataset'
import { sameJson } from '../json'

/** Scanners send at the same time, and their rows come mixed. */
const rememberedPlaces = 64

/**
 * Images of one series say the same about patient, study and series, and a rule is a function of its tags: what was
 * made of equal values is not made again. Of the last few places only, so that a feed of any length needs no more.
 */
export const rememberAlike = <A>(
  tags: ReadonlyArray<string>,
  make: (dataset: DicomDataset) => A,
): ((place: string, dataset: DicomDataset) => A) => {
  const last = new Map<string, { readonly values: ReadonlyArray<unknown>; readonly made: A }>()
  const areSame = (values: ReadonlyArray<unknown>, dataset: DicomDataset): boolean => {
    // A loop, for this looks at every value of every image.
    for (let index = 0; index < tags.length; index++) {
      if (!sameJson(values[index], dataset.get(tags[index] ?? ''))) return false
    }
    return true
  }
  return (place, dataset) => {
    const known = last.get(place)
    if (known !== undefined && areSame(known.values, dataset)) return known.made
    const made = make(dataset)
    const [oldest] = last.keys()
    if (oldest !== undefined && last.size >= rememberedPlaces && known === undefined) last.delete(oldest)
    last.set(place, { values: tags.map((tag) => dataset.get(tag)), made })
    return made
  }
}
