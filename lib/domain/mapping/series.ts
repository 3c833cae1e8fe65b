import type { Coding } from 'fhir/r4'
import { asCode } from '../dicom/coded-entry'
import { codeSystems, dicomModality, isDicomModality } from '../fhir/code-systems'
import { bodySiteRules } from './body-site'
import type { SeriesFields } from './fields'
import { seriesOrderRules } from './series-orders'
import { numberSlot, readUnsignedInt } from './instance'
import { type Rule, readTag, rule } from './mapped'
import { performerRules } from './people'
import { type Started, readStarted, startedAfter } from './time'

// Defined terms are extensible, and strict servers refuse an unknown code of a known system: such a code stands alone.
const modalityCoding = (code: string): Coding => (isDicomModality(code) ? dicomModality(code) : { code: asCode(code) })

const sameCoding = (left: Coding | undefined, right: Coding): boolean =>
  left?.system === right.system && left?.code === right.code

/** ImagingStudy.series */
export const seriesRules = (zone: string | undefined): ReadonlyArray<Rule<SeriesFields>> => [
  rule<SeriesFields, string>({
    element: 'ImagingStudy.series.uid',
    tags: ['SeriesInstanceUID'],
    required: true,
    note: 'the bare UID',
    read: readTag('SeriesInstanceUID'),
    slot: {
      has: () => true,
      set: (uid) => (series) => (series.uid === uid ? series : { ...series, uid }),
      clear: (series) => series,
    },
  }),
  rule<SeriesFields, number>({
    element: 'ImagingStudy.series.number',
    tags: ['SeriesNumber'],
    read: readUnsignedInt('SeriesNumber'),
    slot: numberSlot<SeriesFields>(),
  }),
  rule<SeriesFields, string>({
    element: 'ImagingStudy.series.modality',
    tags: ['Modality'],
    required: true,
    note: 'system DCM for a code of PS3.16 CID 33 or a retired one; any other legal CS without system',
    read: readTag('Modality'),
    slot: {
      has: ({ modality }) => modality?.code !== undefined,
      set: (code) => (series) => {
        const modality = modalityCoding(code)
        return sameCoding(series.modality, modality) ? series : { ...series, modality }
      },
      clear: (series) => series,
    },
  }),
  rule<SeriesFields, string>({
    element: 'ImagingStudy.series.description',
    tags: ['SeriesDescription'],
    read: readTag('SeriesDescription'),
    slot: {
      has: ({ description }) => description !== undefined,
      set: (description) => (series) => (series.description === description ? series : { ...series, description }),
      clear: ({ description: _cleared, ...rest }) => rest,
    },
  }),
  rule<SeriesFields, Started>({
    element: 'ImagingStudy.series.started',
    tags: ['SeriesDate', 'SeriesTime', 'TimezoneOffsetFromUTC'],
    note: 'the earliest of the series; the date alone when the offset from UTC is unknown',
    read: readStarted('SeriesDate', 'SeriesTime', zone),
    slot: {
      has: ({ started }) => started !== undefined,
      set: (value, mode) => (series) => {
        const started = startedAfter(series.started, value, mode)
        return series.started === started ? series : { ...series, started }
      },
      clear: ({ started: _cleared, ...rest }) => rest,
    },
  }),
  ...seriesOrderRules,
  ...bodySiteRules,
  ...performerRules,
]

/** The original wrote `DCM` as the system of a modality, and no display. */
export const correctModality = (modality: Coding): Coding =>
  modality.system === 'DCM' ? { ...dicomModality(modality.code ?? ''), ...modality, system: codeSystems.dcm } : modality
