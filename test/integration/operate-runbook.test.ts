import { describe, expect, it, jest } from '@jest/globals'
import { held } from '../support/fhir/cast-fhir'
import { created, deleted, images, uidsOf } from '../support/world/cast-images'
import { seedOriginal } from '../support/world/cast-original'
import { type CastWorld, useCastWorld } from '../support/world/cast-world'
import { noStorage } from '../support/world/operate-world'
import { type Shown, shownBlocks, showing, unprovenBlocks } from '../support/assert/runbook'

// docs/operations.md shows commands with what they print. Here they are run, and held against it; what differs from run
// to run is left out of the comparison. DICOMCAST_RUNBOOK=1 writes what they print today into the page.

const newWorld = useCastWorld()
// A chapter starts the command many times.
jest.setTimeout(240_000)
const proven: string[] = []

const chapter = async (
  work: (shown: Shown, world: CastWorld) => Promise<void>,
  settings: Readonly<Record<string, string>> = {},
): Promise<void> => {
  const world = await newWorld({ settings })
  const { run, isTold } = showing(world.environment())
  const told = (block: string): void => {
    proven.push(block)
    isTold(block)
  }
  await work({ run, isTold: told }, world)
}

const etagIn = (shown: string): string => /^etag +(.+)$/m.exec(shown)?.[1] ?? ''
const ago = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString()
const bob = { patientId: 'P2', name: 'Stone^Bob', birthDate: '19510607', sex: 'M' }
const fhirTable = 'FhirFailToStoreExceptionTable'

describe('docs/operations.md', () => {
  it('before the first cast', () =>
    chapter(
      async ({ run, isTold }, { dicom, fhir }) => {
        dicom.control.append(...images(3, { study: '1.2.840.1.1' }))
        await run(['check'])
        isTold('check-fine')
        fhir.faults.set([
          { fault: '403', match: { method: 'PUT' } },
          { fault: '403', match: { interaction: 'transaction' } },
        ])
        await run(['check'])
        isTold('check-read-only')
        fhir.faults.clear()
        await run(['check'], { Fhir__Endpoint: dicom.url })
        isTold('check-no-fhir')
        await run(['check'], { AzureWebJobsStorage: noStorage })
        isTold('check-no-storage')
      },
      { CastSchedule: '0 * * * * *', DicomCast__DefaultTimeZone: 'UTC' },
    ))

  it('FHIR answers 403', () =>
    chapter(async ({ run, isTold }, { dicom, fhir }) => {
      dicom.control.append(...images(3, { study: '1.2.840.1.1' }), ...images(4, { study: '1.2.840.1.2', ...bob }))
      fhir.faults.set([{ fault: '403' }])
      await run(['cast', '--until-caught-up'])
      await run(['status'])
      isTold('denied')
      fhir.faults.clear()
      await run(['cast', '--until-caught-up'])
      await run(['status'])
      isTold('denied-mended')
    }))

  it('the lag grows', () =>
    chapter(
      async ({ run, isTold }, { dicom }) => {
        dicom.control.append(...images(350).map((image) => ({ ...image, timestamp: ago(60) })))
        await run(['cast'])
        await run(['status'])
        isTold('lag')
        await run(['cast', '--until-caught-up', '--budget', '15m'])
        isTold('lag-mended')
      },
      { DicomCast__BatchSize: '100' },
    ))

  it('FHIR refuses every study', () =>
    chapter(async ({ run, isTold }, { dicom, fhir }) => {
      const studies = Array.from({ length: 25 }, (_, number) => created({ study: `1.2.840.1.${number + 1}` }))
      dicom.control.append(...studies)
      fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: '"ImagingStudy"' } }])
      await run(['cast', '--until-caught-up'])
      await run(['status'])
      isTold('refuses-all')
      await run(['checkpoint', '--to-sequence', '5', '--etag', etagIn(await run(['checkpoint'])), '--confirm'])
      isTold('passed-by')
      fhir.faults.clear()
      await run(['cast', '--until-caught-up'])
      isTold('refuses-all-mended')
    }))

  it('a poison study', () =>
    chapter(async ({ run, isTold }, { cast, dicom, fhir }) => {
      const poisoned = { study: '1.2.840.1.1', instance: 2 }
      const { sopInstanceUid } = uidsOf(poisoned)
      fhir.faults.set([{ fault: 'rejectResource', match: { bodyIncludes: `"${sopInstanceUid}"` } }])
      dicom.control.append(...images(3, poisoned), ...images(2, { study: '1.2.840.1.2' }))
      await cast()
      await run(['failures', fhirTable])
      await run(['verify', poisoned.study])
      await run(['replay', '--study', poisoned.study])
      isTold('poison')
      fhir.faults.clear()
      await run(['replay', '--study', poisoned.study, '--dry-run'])
      await run(['replay', '--study', poisoned.study])
      isTold('poison-mended')
    }))

  it('many rows', () =>
    chapter(async ({ run, isTold }, { cast, dicom, fhir }) => {
      const studies = [1, 2, 3].map((number) => created({ study: `1.2.840.1.${number}` }))
      fhir.faults.set(
        [1, 2].map((number) => ({
          fault: 'rejectResource',
          match: { bodyIncludes: `"${uidsOf({ study: `1.2.840.1.${number}` }).sopInstanceUid}"` },
        })),
      )
      dicom.control.append(...studies, created({ study: '1.2.840.1.4', patientId: null }))
      await cast({}, { maxBatches: 0 })
      const shown = await run(['replay', '--code', 'FhirRejected', '--limit', '1'])
      const until = /--until (\S+)/.exec(shown)?.[1] ?? ''
      await run(['replay', '--code', 'FhirRejected', '--until', until])
      isTold('many')
    }))

  it('pause and resume', () =>
    chapter(async ({ run, isTold }) => {
      await run(['status'], { AzureWebJobs__castTimer__Disabled: 'true' })
      isTold('paused')
    }))

  it('duplicate Patients', () =>
    chapter(async ({ run, isTold }, world) => {
      const twin = { resourceType: 'Patient', identifier: [{ value: 'P1' }] }
      for (let twins = 0; twins < 2; twins += 1) world.fhir.seed(twin)
      world.dicom.control.append(...images(2, { study: '1.2.840.1.2' }))
      await world.cast()
      await run(['failures', fhirTable])
      isTold('duplicates')
      const [, other] = held(world, 'Patient')
      await fetch(`${world.fhir.url}/Patient/${other?.id}`, { method: 'DELETE' })
      await run(['replay', '--table', fhirTable])
      isTold('duplicates-mended')
    }))

  it('PatientMismatch', () =>
    chapter(async ({ run, isTold }, { cast, dicom }) => {
      const study = '1.2.840.1.1'
      const misfiled = { study, instance: 4 }
      dicom.control.append(...images(3, { study }), created({ ...misfiled, ...bob }))
      await cast()
      await run(['failures', 'DicomFailToStoreExceptionTable', '--code', 'PatientMismatch'])
      isTold('mismatch')
      dicom.control.append(deleted(misfiled))
      await run(['cast', '--until-caught-up'])
      await run(['failures', 'DicomFailToStoreExceptionTable'])
      await run(['verify', study])
      isTold('mismatch-mended')
    }))

  it('is anything missing?', () =>
    chapter(async ({ run, isTold }, world) => {
      for (const number of [1, 2, 3]) world.dicom.control.append(...images(2, { study: `1.2.840.1.${number}` }))
      await world.cast()
      const [lost] = held(world, 'ImagingStudy')
      await fetch(`${world.fhir.url}/ImagingStudy/${lost?.id}`, { method: 'DELETE' })
      await run(['verify', '--all'])
      await run(['verify', '--all', '--repair'])
      await run(['verify', '--all'])
      isTold('missing')
    }))

  it('moving from the original DICOMcast', () =>
    chapter(async ({ run, isTold }, world) => {
      seedOriginal(world, { study: '1.2.840.1.1', patientId: 'P1' })
      world.dicom.control.append(
        created({ study: '1.2.840.1.1' }),
        created({ study: '1.2.840.1.1', instance: 2 }),
        ...images(2, { study: '1.2.840.1.2', ...bob }),
        created({ study: '1.2.840.1.3', patientId: null }),
      )
      await world.writeSyncState({ SyncedSequence: 1n })
      await run(['checkpoint'])
      await run(['preview'])
      isTold('moving')
      await run(['cast', '--until-caught-up'])
      await run(['verify', '--sample', '200'])
      isTold('moved')
    }))

  it('changing the PatientID system', () =>
    chapter(async ({ run, isTold }, world) => {
      world.dicom.control.append(...images(2, { study: '1.2.840.1.1' }), ...images(2, { study: '1.2.840.1.2', ...bob }))
      await world.cast()
      const changed = { Patient__PatientSystemId: 'urn:oid:1.2.3.4.5' }
      await run(['preview', '--from-sequence', '0'], changed)
      const shown = await run(['checkpoint'])
      const etag = /^etag +(.+)$/m.exec(shown)?.[1] ?? ''
      await run(['checkpoint', '--to-sequence', '0', '--etag', etag, '--confirm'])
      await run(['cast', '--until-caught-up'], changed)
      await run(['verify', '--sample', '200'], changed)
      isTold('system')
    }))

  it('restoring a FHIR service', () =>
    chapter(async ({ run, isTold }, world) => {
      const restoredTo = '2026-11-20T12:00:00Z'
      world.dicom.control.append(
        ...[1, 2, 3].map((number) => ({
          ...created({ study: `1.2.840.1.${number}` }),
          timestamp: `2026-11-20T1${number}:30:00.0000000+00:00`,
        })),
      )
      await world.cast({}, { maxBatches: 0 })
      for (const study of held(world, 'ImagingStudy').slice(1)) {
        await fetch(`${world.fhir.url}/ImagingStudy/${study.id}`, { method: 'DELETE' })
      }
      await run(['verify', '--since', restoredTo])
      const etag = /^etag +(.+)$/m.exec(await run(['checkpoint']))?.[1] ?? ''
      await run(['checkpoint', '--to-time', restoredTo, '--etag', etag, '--confirm'])
      await run(['cast', '--until-caught-up'])
      await run(['verify', '--since', restoredTo])
      isTold('fhir-restored')
    }))

  it('restoring a DICOM service', () =>
    chapter(async ({ run, isTold }, world) => {
      world.dicom.control.append(...images(2, { study: '1.2.840.1.1' }), ...images(3, { study: '1.2.840.1.2', ...bob }))
      await world.cast({}, { maxBatches: 0 })
      world.dicom.control.restore(3)
      await run(['cast', '--until-caught-up'])
      await run(['status'])
      isTold('dicom-restored')
      const etag = /^etag +(.+)$/m.exec(await run(['checkpoint']))?.[1] ?? ''
      await run(['checkpoint', '--to-sequence', '3', '--etag', etag, '--confirm'])
      await run(['verify', '--all', '--repair'])
      await run(['verify', '--all'])
      isTold('dicom-restored-mended')
    }))

  it('shows nothing that is not run here', () => {
    expect([unprovenBlocks(), [...shownBlocks()].sort()]).toEqual([[], [...proven].sort()])
  })
})
