import { readFileSync } from 'node:fs'
import { readPart10 } from '../../local/dicom/part10'
import { findFiles } from '../../local/dicom/sample-studies'
import { dictionary } from '../../lib/domain/dicom/tags'
import { dicomJson } from '../support/world/domain-dataset'
import type { Json } from './mutate'

const jsonOf = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json

/** The real files as the DICOM service would answer them; those it cannot read are no samples. */
export const realDatasets = async (): Promise<ReadonlyArray<Json>> =>
  (await findFiles()).flatMap((file) => {
    try {
      return [jsonOf(readPart10(readFileSync(file)))]
    } catch {
      return []
    }
  })

const plain: Readonly<Record<string, unknown>> = {
  AE: 'STATION',
  CS: 'CT',
  DA: '20261123',
  DS: 1.5,
  DT: '20261123101500+0100',
  FD: 1.25,
  IS: 7,
  LO: 'A text',
  LT: 'A text',
  PN: { Alphabetic: 'Rivera^Ana^Eva^Dr^Jr', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' },
  SH: 'ACC1',
  ST: 'A text',
  TM: '101500.5',
  UI: '1.2.840.10008.5.1.4.1.1.2',
  UT: 'A text',
  US: 3,
  UL: 3,
}

/** Every tag that the mapping reads has a value here: what no real file holds is mutated, too. */
export const fullDataset = (): Json => {
  const values = Object.fromEntries(
    Object.entries(dictionary).map(([keyword, { vr }]) => [keyword, vr === 'SQ' ? [] : plain[vr]]),
  )
  const flat = dicomJson({
    ...values,
    SOPInstanceUID: '1.2.3.1.1',
    SeriesInstanceUID: '1.2.3.1',
    StudyInstanceUID: '1.2.3',
    PatientSex: 'F',
    TimezoneOffsetFromUTC: '+0100',
  })
  // Each sequence holds the whole flat dataset: whatever is looked for in an item, it is there.
  const items = [jsonOf(flat)]
  const whole = Object.entries(dictionary).map(([, { tag, vr }]): [string, unknown] =>
    vr === 'SQ' ? [tag, { vr, Value: items }] : [tag, flat[tag]],
  )
  return jsonOf(Object.fromEntries(whole))
}
