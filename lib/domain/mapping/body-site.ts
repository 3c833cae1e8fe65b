import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { pipe } from 'fp-ts/function'
import * as RNEA from 'fp-ts/ReadonlyNonEmptyArray'
import * as TH from 'fp-ts/These'
import type { Coding } from 'fhir/r4'
import type { TagIssue } from '../cast-error'
import { bodyParts } from '../dicom/body-parts'
import { readCodedEntries } from '../dicom/coded-entry'
import type { DicomDataset } from '../dicom/dataset'
import { valuesOfKeyword } from '../dicom/dataset'
import { readCS } from '../dicom/vr'
import { systemOfScheme } from './coded-concept'
import { type Mapped, type Rule, rule } from './mapped'
import type { SeriesFields } from './fields'

const snomed = systemOfScheme.get('SCT') ?? ''

/** The coded region, else the body part of the table. A term that is in neither is left out: free text is no code. */
const readBodySite = (dataset: DicomDataset): Mapped<O.Option<Coding>> => {
  const region = readCodedEntries(dataset, 'AnatomicRegionSequence').find(({ scheme }) => scheme === 'SCT')
  if (region !== undefined && /^\d{6,18}$/.test(region.value)) {
    const { value, meaning } = region
    return TH.right(O.some({ system: snomed, code: value, ...(meaning === undefined ? {} : { display: meaning }) }))
  }
  // Lower case and blanks are seen where only the table's upper-case terms are meant.
  const [value] = valuesOfKeyword(dataset, 'BodyPartExamined')
  const code = typeof value === 'string' ? bodyParts.get(value.toUpperCase().replace(/[\s\0_]/g, '')) : undefined
  return TH.right(code === undefined ? O.none : O.some({ system: snomed, code }))
}

const sides: ReadonlyMap<string, string> = new Map([
  ['R', '24028007'],
  ['L', '7771000'],
  // Not a term of Laterality (0020,0060), and read all the same.
  ['B', '51440002'],
])

const readSide = (dataset: DicomDataset): Mapped<O.Option<Coding>> =>
  pipe(
    readCS(valuesOfKeyword(dataset, 'Laterality')),
    E.flatMap((side): E.Either<string, O.Option<Coding>> => {
      if (O.isNone(side)) return E.right(O.none)
      const code = sides.get(side.value)
      return code === undefined ? E.left('not R or L') : E.right(O.some({ system: snomed, code }))
    }),
    E.match(
      (reason): Mapped<O.Option<Coding>> =>
        TH.left(RNEA.of<TagIssue>({ _tag: 'TagInvalid', keyword: 'Laterality', reason })),
      (coding) => TH.right(coding),
    ),
  )

const codingSlot = (element: 'bodySite' | 'laterality') => ({
  has: (series: SeriesFields): boolean => series[element] !== undefined,
  set:
    (coding: Coding) =>
    (series: SeriesFields): SeriesFields =>
      series[element]?.code === coding.code && series[element]?.system === coding.system
        ? series
        : { ...series, [element]: coding },
  clear: ({ [element]: _cleared, ...rest }: SeriesFields): SeriesFields => rest as SeriesFields,
})

/** ImagingStudy.series.bodySite and .laterality */
export const bodySiteRules: ReadonlyArray<Rule<SeriesFields>> = [
  rule<SeriesFields, Coding>({
    element: 'ImagingStudy.series.bodySite',
    tags: ['AnatomicRegionSequence', 'BodyPartExamined'],
    heeded: ['AnatomicRegionSequence', 'BodyPartExamined'],
    judged: false,
    note: 'SNOMED CT: the coded region, else the body part by PS3.16 Annex L; an unknown term is left out',
    read: readBodySite,
    slot: codingSlot('bodySite'),
  }),
  rule<SeriesFields, Coding>({
    element: 'ImagingStudy.series.laterality',
    tags: ['Laterality'],
    judged: false,
    note: 'SNOMED CT: right, left, both',
    read: readSide,
    slot: codingSlot('laterality'),
  }),
]
