import { type DicomDataset, valuesOfKeyword } from './dataset'
import { type PersonName, readPN, readPNs } from './person-name'
import { type Keyword, dictionary, freeTexts } from './tags'
import {
  type DateTimeParts,
  type Read,
  type Reader,
  readCS,
  readDA,
  readDS,
  readDT,
  readIS,
  readTM,
  readTerm,
  readUI,
  readUtcOffset,
  readable,
  textReader,
  upperCase,
} from './vr'
import type { WrittenNumber } from '../json'

/** What is read of an attribute, by its VR. A sequence has items: itemsOf. */
interface ValueOfVr {
  readonly CS: string
  readonly DA: string
  readonly DS: number | WrittenNumber
  readonly DT: DateTimeParts
  readonly FD: number | WrittenNumber
  readonly IS: number
  readonly LO: string
  readonly PN: PersonName
  readonly SH: string
  readonly ST: string
  readonly TM: string
  readonly UC: string
  readonly UI: string
  readonly UR: string
  readonly UT: string
}

type Dictionary = typeof dictionary
export type ValueKeyword = { [K in Keyword]: Dictionary[K]['vr'] extends 'SQ' ? never : K }[Keyword]
export type ValueOf<K extends ValueKeyword> = ValueOfVr[Extract<Dictionary[K]['vr'], keyof ValueOfVr>]
type ListKeyword = { [K in Keyword]: Dictionary[K] extends { vr: 'PN'; vm: '1-n' } ? K : never }[Keyword]

/** Attributes with a spelling of their own. */
const special: ReadonlyMap<Keyword, Reader<unknown>> = new Map<Keyword, Reader<unknown>>([
  ['TimezoneOffsetFromUTC', readUtcOffset],
  ['PatientSex', (values) => readCS(upperCase(values))],
  ['BodyPartExamined', readTerm],
])

const readerOf = (keyword: Keyword): Reader<unknown> => {
  const { vr } = dictionary[keyword]
  switch (vr) {
    case 'CS':
      return readCS
    case 'DA':
      return readDA
    case 'DS':
    case 'FD':
      return readDS
    case 'DT':
      return readDT
    case 'IS':
      return readIS
    case 'LO':
    case 'SH':
    case 'ST':
    case 'UC':
    case 'UR':
    case 'UT':
      return textReader(vr, freeTexts.has(keyword))
    case 'PN':
      return readPN
    case 'TM':
      return readTM
    case 'UI':
      return readUI
    case 'SQ':
      return () => {
        throw new Error(`${keyword} is a sequence`)
      }
  }
}

const readers = Object.fromEntries(
  (Object.keys(dictionary) as ReadonlyArray<Keyword>).map((keyword) => [
    keyword,
    special.get(keyword) ?? readerOf(keyword),
  ]),
) as Readonly<Record<Keyword, Reader<unknown>>>

/** The one value of an attribute, by the VR and the VM of the dictionary. */
export const readValue = <K extends ValueKeyword>(dataset: DicomDataset, keyword: K): Read<ValueOf<K>> =>
  readers[keyword](valuesOfKeyword(dataset, keyword)) as Read<ValueOf<K>>

/** The value as far as it can be read; none when it is absent or invalid. */
export const valueOf = <K extends ValueKeyword>(dataset: DicomDataset, keyword: K): ValueOf<K> | undefined =>
  readable(readValue(dataset, keyword))

/** All values of an attribute that may have several. */
export const readNames = (dataset: DicomDataset, keyword: ListKeyword): ReadonlyArray<Read<PersonName>> =>
  readPNs(valuesOfKeyword(dataset, keyword))
