import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FhirResource } from 'fhir/r4'
import type { ChangeRequest } from '../../../local/dicom/control'
import type { Resource } from '../../../local/fhir/store'
import { type ReportInFeed, reportDeleted, reported } from './dose-feed'
import { ctAcquisition, ctContent } from './dose-samples'
import { container, dcm, element, num, ucum } from './dose-sr'
import type { CastWorld } from './cast-world'

const text = readFileSync(join(process.cwd(), 'test/support/world/original-account.json'), 'utf8')

/** What the original DICOMcast wrote of one study with a dose report: its own output, for a service of this address. */
export const originalAccount = (address: string): ReadonlyArray<FhirResource> =>
  JSON.parse(text.replaceAll('http://dicom.example.org/', `${address}/`)) as ReadonlyArray<FhirResource>

export const accountIds = {
  endpoint: '2308f89a-1a81-48a2-bef6-d7b3f440fdce',
  patient: '6551c5e8-0487-4b84-80dc-021cd074fe4a',
  study: '409508a9-d559-47d7-a6b0-ad393489f6af',
} as const

/** Past the validation that its resources would not pass. */
export const seedAccount = ({ dicom, fhir }: Pick<CastWorld, 'dicom' | 'fhir'>): void => {
  for (const resource of originalAccount(dicom.url)) fhir.seed(resource as unknown as Resource)
}

const events = ['2.25.8888.2.7.1', '2.25.8888.2.7.2', '2.25.8888.2.7.3'] as const

/** The report of the account: what the original wrote says the same. */
export const accountReport: ReportInFeed = {
  study: '2.25.8888.2',
  patientId: 'PATY',
  elements: {
    '00080020': element('DA', '20130611'),
    '00080030': element('TM', '140419.468'),
    '00080050': element('SH', 'ACC-1'),
    '00080201': undefined,
    '00081030': element('LO', 'Specials^PhysicsTesting (Adult)'),
    '00100010': element('PN', { Alphabetic: 'Y^Ypsilon' }),
    '00100030': undefined,
    '00100040': undefined,
  },
  content: [
    ...ctContent(
      ctAcquisition(events[0], 15.45, 29.67),
      ctAcquisition(events[1], 21.95, 84.28),
      ctAcquisition(events[2], 5.52, 21.18),
    ).map((each) =>
      JSON.stringify(each).includes('"113813"')
        ? container(dcm('113811'), num(dcm('113812'), 3, ucum('{events}')), num(dcm('113813'), 1590, ucum('mGy.cm')))
        : each,
    ),
  ],
}

export const reportOfAccount = (action: 'create' | 'update' = 'create'): ChangeRequest =>
  reported(accountReport, action)
export const deletionOfAccount = (): ChangeRequest => reportDeleted(accountReport)
