import * as O from 'fp-ts/Option'
import * as TH from 'fp-ts/These'
import type { Coding, ImagingStudySeries, ImagingStudySeriesInstance } from 'fhir/r4'
import { type DicomDataset, itemsOf } from '../dicom/dataset'
import { codeSystems } from '../fhir/code-systems'
import { rememberTexts } from '../text'
import { type Mapped, type Rule, type Slot, readTag, rule, unmappable } from './mapped'

type Instance = ImagingStudySeriesInstance

const maxUnsignedInt = 2_147_483_647

/** IS → unsignedInt. */
export const readUnsignedInt = (
  keyword: 'SeriesNumber' | 'InstanceNumber',
): ((dataset: DicomDataset) => Mapped<O.Option<number>>) => {
  const readNumber = readTag(keyword)
  return (dataset) => {
    const read = readNumber(dataset)
    if (TH.isLeft(read) || O.isNone(read.right)) return read
    const { value } = read.right
    if (value < 0) return unmappable(keyword, 'negative')
    return value > maxUnsignedInt ? unmappable(keyword, 'larger than 2147483647') : TH.right(O.some(value + 0))
  }
}

export const numberSlot = <R extends ImagingStudySeries | Instance>(): Slot<R, number> => ({
  has: ({ number }) => number !== undefined,
  set: (number) => (resource) => (resource.number === number ? resource : { ...resource, number }),
  clear: ({ number: _cleared, ...rest }) => rest as R,
})

const fixed = <R, A>(set: (value: A, resource: R) => R): Slot<R, A> => ({
  has: () => false,
  set: (value) => (resource) => set(value, resource),
  clear: (resource) => resource,
})

/** All images of a class share one. */
const sopClassOf = rememberTexts((uid): Coding => ({ system: codeSystems.uri, code: `urn:oid:${uid}` }))

const [readMeaning, readDocument, readLabel] = [
  readTag('CodeMeaning'),
  readTag('DocumentTitle'),
  readTag('ContentLabel'),
]

const readTitle = (dataset: DicomDataset): Mapped<O.Option<string>> => {
  const [concept] = itemsOf(dataset, 'ConceptNameCodeSequence')
  // Of the concept, whether or not it has a code that can be read.
  const meaning = concept === undefined ? TH.right(O.none) : readMeaning(concept)
  if (!TH.isLeft(meaning) && O.isSome(meaning.right)) return meaning
  const document = readDocument(dataset)
  return TH.isRight(document) && O.isNone(document.right) ? readLabel(dataset) : document
}

/** ImagingStudy.series.instance */
export const instanceRules: ReadonlyArray<Rule<Instance>> = [
  rule<Instance, string>({
    element: 'ImagingStudy.series.instance.uid',
    tags: ['SOPInstanceUID'],
    required: true,
    note: 'the bare UID',
    read: readTag('SOPInstanceUID'),
    slot: fixed((uid, instance) => (instance.uid === uid ? instance : { ...instance, uid })),
  }),
  rule<Instance, string>({
    element: 'ImagingStudy.series.instance.sopClass',
    tags: ['SOPClassUID'],
    required: true,
    note: 'system urn:ietf:rfc:3986, code urn:oid:{uid}',
    read: readTag('SOPClassUID'),
    slot: fixed((uid, instance) => {
      const sopClass = sopClassOf(uid)
      return instance.sopClass?.code === sopClass.code && instance.sopClass.system === sopClass.system
        ? instance
        : { ...instance, sopClass }
    }),
  }),
  rule<Instance, number>({
    element: 'ImagingStudy.series.instance.number',
    tags: ['InstanceNumber'],
    read: readUnsignedInt('InstanceNumber'),
    slot: numberSlot<Instance>(),
  }),
  rule<Instance, string>({
    element: 'ImagingStudy.series.instance.title',
    tags: ['ConceptNameCodeSequence', 'DocumentTitle', 'ContentLabel'],
    heeded: ['ConceptNameCodeSequence', 'DocumentTitle', 'ContentLabel'],
    judged: false,
    note: 'the meaning of the document title of an SR or KO, else DocumentTitle, else ContentLabel',
    read: readTitle,
    slot: {
      has: ({ title }) => title !== undefined,
      set: (title) => (instance) => (instance.title === title ? instance : { ...instance, title }),
      clear: ({ title: _cleared, ...rest }) => rest,
    },
  }),
]

/** The original wrote the bare UID without a system; whoever wrote into the study since has corrected that. */
export const isOriginalsInstance = ({ sopClass: { system, code } = {} }: Partial<Instance>): boolean =>
  code !== undefined && (system === undefined || system === '')

export const correctInstance = (instance: Instance): Instance => {
  if (!isOriginalsInstance(instance)) return instance
  const { code = '' } = instance.sopClass
  return {
    ...instance,
    sopClass: { system: codeSystems.uri, code: code.startsWith('urn:oid:') ? code : `urn:oid:${code}` },
  }
}
