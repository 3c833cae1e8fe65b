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
