import type { Endpoint } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { finishEndpoints } from '../../domain/batch/take-over'
import { dicomEndpoints } from '../cast/load-snapshot'
import { ofType } from '../cast/snapshot-searches'
import type { CastSettings } from '../context'
import type { GateRow } from '../ports-gate'
import type { FeedName } from '../ports-name'
import { type OperatorPorts, errorTables } from '../ports-operator'
import type { Status } from './facts'

export const feedOf = (
  name: O.Option<FeedName> | undefined,
  { dicom, fhirBase }: CastSettings,
): Pick<Status, 'feed'> => {
  if (name === undefined || O.isNone(name)) return {}
  const { feedId, root, formerRoots, renaming, conditions } = name.value
  return {
    feed: {
      ...(feedId === undefined ? {} : { id: feedId }),
      ...{ root, formerRoots },
      ...(dicom.root === root || renaming !== undefined ? {} : { setting: dicom.root }),
      ...(renaming === undefined ? {} : { renamingTo: renaming.to }),
      ...(conditions?.fhirBase === fhirBase ? { refusesOldIfMatch: conditions.refusesOld } : {}),
    },
  }
}

export const gateOf = (row: O.Option<GateRow> | undefined): Pick<Status, 'gate'> => {
  if (row === undefined) return {}
  if (O.isNone(row)) return { gate: { state: 'running' } }
  const { state, by, since } = row.value
  return { gate: { state, by, since: new Date(since).toISOString() } }
}

/** The Patients are counted by the dry run of finishing alone: each study has to be looked at. */
export const takeOverOf = async (
  { fhir }: Pick<OperatorPorts, 'fhir'>,
  settings: CastSettings,
  name: O.Option<FeedName> | undefined,
  failures: Status['failures'],
): Promise<Pick<Status, 'takeOver'>> => {
  if (name === undefined || O.isNone(name) || name.value.takenOverAt === undefined) return {}
  const since = new Date(name.value.takenOverAt).toISOString()
  const found = await fhir.search([dicomEndpoints])()
  const codes = errorTables.flatMap((table) => Object.entries(failures[table]?.codes ?? {}))
  const rows = codes.reduce((sum, [code, count]) => sum + (isOriginalsType(code) ? count : 0), 0)
  if (E.isLeft(found) || errorTables.some((table) => failures[table] === undefined)) return { takeOver: { since } }
  const endpoints = finishEndpoints(settings, ofType<Endpoint>('Endpoint', found.right.flat())).length
  return { takeOver: { since, finishing: { endpoints, rows } } }
}

/** Our own codes are named otherwise. */
const isOriginalsType = (code: string): boolean => code.endsWith('Exception')

/** By the row after the checkpoint; behind a gap by the checkpoint's own. */
export const behindOf = async (
  { dicom, clock, source }: OperatorPorts,
  { sequence, timestamp }: NonNullable<Status['checkpoint']>,
  head: number,
): Promise<Pick<Status, 'backlog' | 'lagS'>> => {
  const backlog = Math.max(0, head - sequence)
  if (backlog === 0) return { backlog, lagS: 0 }
  const page = await dicom.range(sequence, Math.min(100, backlog), false)()
  const elements = E.isRight(page) ? page.right.elements : []
  // A deletion takes rows out of the log of an archive, also the last ones.
  if (source !== undefined && E.isRight(page) && elements.length === 0) return { backlog: 0, lagS: 0 }
  const oldest = Date.parse(timestampOf(elements[0]) ?? timestamp ?? '')
  const now = E.isRight(page) ? page.right.servedAt : clock.now()
  return { backlog, ...(Number.isNaN(oldest) ? {} : { lagS: Math.max(0, Math.round((now - oldest) / 1000)) }) }
}

export const placeOf = (
  checkpoint: Status['checkpoint'],
  head: number | undefined,
  behind: Pick<Status, 'backlog' | 'lagS'>,
) => ({
  ...(checkpoint === undefined ? {} : { checkpoint }),
  ...(head === undefined ? {} : { head }),
  ...behind,
})

const timestampOf = (element: unknown): string | undefined => {
  if (typeof element !== 'object' || element === null) return undefined
  const [, value] = Object.entries(element).find(([key]) => key.toLowerCase() === 'timestamp') ?? []
  return typeof value === 'string' ? value : undefined
}
