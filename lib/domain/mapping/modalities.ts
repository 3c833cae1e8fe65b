import type { Coding } from 'fhir/r4'
import { acquisitionModalities, codeSystems, dicomModality } from '../fhir/code-systems'
import type { SeriesFields } from './fields'
import { correctModality } from './series'
import type { SeriesOfStudy } from './series-orders'

const acquired = ({ modality }: SeriesFields): ReadonlyArray<string> =>
  modality.system === codeSystems.dcm && modality.code !== undefined && acquisitionModalities.has(modality.code)
    ? [modality.code]
    : []

const isDicom = ({ system }: Coding): boolean => system === codeSystems.dcm || system === 'DCM'

/**
 * ImagingStudy.modality: those of the series; on somebody else's study also those that it states itself, but for what the
 * series said that are gone. A coding that is there already stays as it is.
 */
export const modalitiesOf = (
  { live, gone }: SeriesOfStudy,
  existing: ReadonlyArray<Coding>,
  ours: boolean,
): ReadonlyArray<Coding> => {
  const known = new Map(
    existing.filter(isDicom).flatMap((each) => (each.code === undefined ? [] : [[each.code, correctModality(each)]])),
  )
  const left = new Set(gone.flatMap(acquired))
  const stated = ours ? [] : [...known.keys()].filter((code) => !left.has(code))
  const codes = new Set([...live.flatMap(acquired), ...stated])
  return [
    ...[...codes].map((code) => known.get(code) ?? dicomModality(code)),
    ...existing.filter((each) => !isDicom(each)),
  ]
}
