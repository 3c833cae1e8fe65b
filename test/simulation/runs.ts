import * as E from 'fp-ts/Either'
import type { CastSettings } from '../../lib/app/context'
import type { Ports } from '../../lib/app/ports'
import { runCast } from '../../lib/app/run/run-cast'
import type { RunSummary } from '../../lib/app/run/summary'
import type { BackfillSide } from './backfill/side'
import { dicomServiceFor } from './dicom-service'
import type { Feed } from './feed-model'
import { type FhirSide, fhirServerFor } from './fhir-server'
import type { Forbidden } from './forbidden'
import { type LeaseBlob, leaseFor } from './lease'
import { type Process, newProcess, pass, request } from './process'
import { type Storage, checkpointStoreFor, errorTablesFor, gateFor, nameStoreFor } from './tables'
import type { World } from './world'

/** Everything that outlives a run. */
export interface Services {
  readonly feed: Feed
  readonly fhir: FhirSide
  readonly storage: Storage
  readonly lease: LeaseBlob
  /** Images that fit into one page. */
  readonly pageCap: number
  /** Whether the DICOM service knows the feed by time (v2). */
  readonly hasWindows: boolean
  /** As the setting says. */
  readonly hidesForQuality?: boolean
  /** A study that the archive forbids. */
  readonly forbidden?: Forbidden
  /** Where the history has one. */
  readonly backfill?: BackfillSide | undefined
}

export interface Running {
  readonly process: Process
  summary: RunSummary | undefined
}

export const portsOf = (world: World, services: Services, process: Process): Ports => {
  const { random, scheduler, say } = world
  const { feed, fhir, storage, lease } = services
  return {
    dicom: dicomServiceFor(world, feed, process, services),
    fhir: fhirServerFor(world, fhir, process),
    checkpoints: checkpointStoreFor(world, storage, feed, process),
    errors: errorTablesFor(world, storage, lease, process),
    lease: leaseFor(world, lease, process),
    gate: gateFor(world, storage, process),
    names: nameStoreFor(world, storage, process),
    accepted: { read: () => () => request(world, process, 'accepted.read', () => E.right(new Set(storage.accepted))) },
    clock: {
      now: () => scheduler.now() + process.skewMs,
      sleep: (ms) => pass(world, process, ms, 'sleep'),
    },
    random: { fraction: random.fraction, uuid: random.uuid },
    log: (level, message) => say(() => `${process.name} logs ${level} ${message}`),
    progress: () => undefined,
  }
}

/** With DicomWeb__Endpoint as it is set now. */
export const settingsToday = (settings: CastSettings, { storage: { root } }: Services): CastSettings =>
  root === undefined ? settings : { ...settings, dicom: { ...settings.dicom, root } }

export const startRun = (
  world: World,
  services: Services,
  settings: CastSettings,
  name: string,
  budgetMs: number,
): Running => {
  const process = newProcess(name)
  if (world.faults.has('host: its clock is off')) {
    world.faults.hit('host: its clock is off')
    process.skewMs = world.random.fork(`clock of ${name.slice(0, 1)}`).between(-300_000, 300_000)
  }
  const running: Running = { process, summary: undefined }
  const ports = portsOf(world, services, process)
  const options = { runId: world.random.uuid(), budgetMs, stopping: () => false }
  world.say(() => `${name} starts`)
  const { backfill } = services
  const cast = runCast(ports, settingsToday(settings, services), options)
  const behind = async (summary: RunSummary): Promise<RunSummary> => {
    await backfill?.tick(process, summary.ended === 'GateClosed')
    return summary
  }
  const whole = backfill === undefined ? cast : cast.then(behind)
  whole.then(
    (summary) => {
      process.alive = false
      running.summary = summary
      services.lease.believers.delete(process)
      const { ended, from, to, head, stored, unchanged, superseded, recorded, openHoles, reason } = summary
      world.say(
        () =>
          `${name} ends ${ended} ${from}→${to} of ${head}: ${stored} stored, ${unchanged} unchanged, ${superseded} superseded, ${recorded} recorded, ${openHoles} holes${reason === undefined ? '' : ` (${reason})`}`,
      )
    },
    (error: unknown) => {
      process.alive = false
      world.violate(`${name} threw ${error instanceof Error ? error.stack : String(error)}`)
    },
  )
  return running
}
