import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as RNEA from 'fp-ts/ReadonlyNonEmptyArray'
import * as TH from 'fp-ts/These'
import type { Coding } from 'fhir/r4'
import { bodyPartMeanings } from '../dicom/body-part-meanings'
import { bodyParts } from '../dicom/body-parts'
import { type CodedEntry, readCodedEntries } from '../dicom/coded-entry'
import { type DicomDataset, itemsOf } from '../dicom/dataset'
import { systemOfScheme } from './coded-concept'
import type { SeriesFields } from './fields'
import { type Mapped, type Rule, invalidTag, readTag, rule } from './mapped'

const snomed = systemOfScheme.get('SCT') ?? ''

const regionOf = (dataset: DicomDataset): CodedEntry | undefined =>
  readCodedEntries(dataset, 'AnatomicRegionSequence').find(
    ({ scheme, value }) => scheme === 'SCT' && /^\d{6,18}$/.test(value),
  )

/** Of an enhanced object: what its frames share (PS3.3 C.7.6.16.2.8). */
const sharedRegionOf = (dataset: DicomDataset): CodedEntry | undefined =>
  itemsOf(dataset, 'SharedFunctionalGroupsSequence')
    .flatMap((shared) => itemsOf(shared, 'FrameAnatomySequence'))
    .map(regionOf)
    .find((region) => region !== undefined)

const bodyPart = (code: string): Coding => {
  const display = bodyPartMeanings.get(code)
  return { system: snomed, code, ...(display === undefined ? {} : { display }) }
}

/** The coded region, else the body part of the table. A term that is in neither is left out: free text is no code. */
const readBodySite = (dataset: DicomDataset): Mapped<O.Option<Coding>> => {
  const region = regionOf(dataset) ?? sharedRegionOf(dataset)
  if (region !== undefined) {
    const { value, meaning } = region
    return TH.right(O.some({ ...bodyPart(value), ...(meaning === undefined ? {} : { display: meaning }) }))
  }
  return pipe(
    readTag('BodyPartExamined')(dataset),
    TH.map((term) =>
      pipe(
        term,
        // Lower case and blanks are seen where only the table's upper-case terms are meant.
        O.flatMap((text) => O.fromNullable(bodyParts.get(text.toUpperCase().replace(/[\s\0_]/g, '')))),
        O.map(bodyPart),
      ),
    ),
  )
}

// PS3.16 CID 244.
const sides: ReadonlyMap<string, Coding> = new Map([
  ['R', { system: snomed, code: '24028007', display: 'Right' }],
  ['L', { system: snomed, code: '7771000', display: 'Left' }],
  // Not a term of Laterality (0020,0060), and read all the same.
  ['B', { system: snomed, code: '51440002', display: 'Bilateral' }],
])

const readSide = (dataset: DicomDataset): Mapped<O.Option<Coding>> => {
  const read = readTag('Laterality')(dataset)
  if (TH.isLeft(read) || O.isNone(read.right)) return read as Mapped<O.Option<never>>
  const side = sides.get(read.right.value)
  return side === undefined ? TH.left(RNEA.of(invalidTag('Laterality', 'not R or L'))) : TH.right(O.some(side))
}

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
    tags: ['AnatomicRegionSequence', 'SharedFunctionalGroupsSequence', 'BodyPartExamined'],
    heeded: ['AnatomicRegionSequence', 'BodyPartExamined'],
    judged: false,
    note: 'SNOMED CT: the coded region, that of the FrameAnatomySequence (0020,9071) of an enhanced object, else the body part by PS3.16 Annex L; an unknown term is left out',
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
