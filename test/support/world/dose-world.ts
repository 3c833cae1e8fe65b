import { expect } from '@jest/globals'
import type { Observation } from 'fhir/r4'
import { validateResource } from '../../../local/fhir/validate'
import { held } from '../fhir/cast-fhir'
import type { CastWorld, Overrides } from './cast-world'
import { type ReportInFeed, reportUid, reported } from './dose-feed'

/** Casts these reports. */
export const castReports = async (world: CastWorld, ...reports: ReadonlyArray<ReportInFeed>): Promise<CastWorld> => {
  world.dicom.control.append(...reports.map((report) => reported(report)))
  expect(await world.cast()).toMatchObject({ ended: 'CaughtUp', stored: reports.length, recorded: 0, failed: {} })
  return world
}

/** The UID that an Observation is known by. */
export const uidOf = ({ identifier: [first] = [] }: Observation): string => (first?.value ?? '').replace('urn:oid:', '')
export const observations = (world: CastWorld): ReadonlyArray<Observation> => held(world, 'Observation')
export const uids = (world: CastWorld): ReadonlyArray<string> => observations(world).map(uidOf).sort()
export const byUid = (world: CastWorld, uid: string): Observation => {
  const [first, ...others] = observations(world).filter((each) => uidOf(each) === uid)
  if (first === undefined || others.length > 0) throw new Error(`FHIR holds ${others.length + 1} or no ${uid}`)
  return first
}

/** UIDs of the events that a report's summary lists. */
export const listedBy = (world: CastWorld, report: ReportInFeed): ReadonlyArray<string> =>
  (byUid(world, reportUid(report)).hasMember ?? []).map(({ reference }) => {
    const member = observations(world).find(({ id }) => reference === `Observation/${id}`)
    return member === undefined ? `dangling ${reference}` : uidOf(member)
  })

export const expectValid = (world: CastWorld): void =>
  expect(world.fhir.store.all().flatMap((resource) => validateResource(resource))).toEqual([])

export const replayed = async (world: CastWorld, overrides?: Overrides) => {
  await world.writeSyncState({ SyncedSequence: 0n })
  return world.cast(overrides)
}

/** From the start again, one row a batch: how many rows were stored, and how many were unchanged. */
export const oneByOne = async (world: CastWorld): Promise<readonly [number, number]> => {
  let [stored, unchanged] = [0, 0]
  for (;;) {
    const report = await world.cast({ DicomCast__BatchSize: '1' })
    stored += report.stored
    unchanged += report.unchanged
    if (report.ended === 'CaughtUp') return [stored, unchanged]
    if (report.ended !== 'BatchDone') throw new Error(report.ended)
  }
}

export const theirs = (world: CastWorld, uid: string): Observation =>
  world.fhir.seed({
    resourceType: 'Observation',
    id: 'theirs',
    meta: { source: 'https://ris.example' },
    identifier: [{ system: 'urn:dicom:uid', value: `urn:oid:${uid}` }],
    status: 'final',
    code: { text: 'Dose' },
    subject: { reference: 'Patient/somebody' },
  }) as unknown as Observation
