import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { isOpenEndpoint } from '../../domain/batch/take-over'
import { namedIn, pointerId, positionId } from '../../domain/fhir/position'
import { type Run, retrying } from '../context'
import { beingRenamed, findName, under } from '../feed-name'
import { whatItDoes } from '../gate-open'
import type { FeedName } from '../ports-name'
import { type Operated, service } from './operating'
import { endpointsIn } from './rename-steps'

/** `from`: the root that the service had, as `dicomRoot` writes it. */
export interface RenameRequest {
  readonly from: string
}

/** What the feed is called now, and how it shall be called; the same when that was reached before. */
export interface Task {
  readonly name: FeedName & { readonly feedId: string }
  readonly to: { readonly root: string; readonly version: string }
  readonly isFinished: boolean
}

const refused = (reason: string): E.Either<{ readonly _tag: 'Refused'; readonly reason: string }, never> =>
  E.left({ _tag: 'Refused', reason })

export const whatToDo = async (run: Run, { from }: RenameRequest, offersBasic: boolean): Promise<Operated<Task>> => {
  const today = run.settings.dicom
  const read = await retrying(run, run.ports.names.read())
  if (E.isLeft(read)) return service(read.left)
  const row = O.toUndefined(read.right)
  run.name = row
  const asked = row?.renaming ?? today
  const isReached = row !== undefined && row.renaming === undefined && row.root === today.root
  if (isReached && from === row.root)
    return refused(`DicomWeb__Endpoint names ${from} still: set the new address first`)
  const isFinished = isReached && row.formerRoots.includes(from)
  if (row !== undefined && row.root !== from && !isFinished) {
    return row.renaming === undefined
      ? refused(`the checkpoint belongs to ${row.root}, not to ${from}`)
      : service(beingRenamed(row.root, row.renaming.to))
  }
  const named = await feedOf(run, isFinished ? today.root : from, offersBasic)
  if (E.isLeft(named)) return named
  const to = 'to' in asked ? { root: asked.to, version: asked.version } : { root: today.root, version: today.version }
  if (isFinished) return E.right({ name: named.right, to, isFinished })
  const noted = await notingTakeOver(run, named.right)
  return E.isLeft(noted) ? noted : E.right({ name: noted.right, to, isFinished })
}

/** The Endpoint of the original gets today's form, and would tell no more that a take-over is open: the name does. */
const notingTakeOver = async (run: Run, name: Task['name']): Promise<Operated<Task['name']>> => {
  if (name.takenOverAt !== undefined) return E.right(name)
  const endpoints = await endpointsIn(run)
  if (E.isLeft(endpoints)) return service(endpoints.left)
  const isOpen = isOpenEndpoint({ ...run.settings, dicom: under(run.settings.dicom, name) })
  return E.right(endpoints.right.some(isOpen) ? { ...name, takenOverAt: run.ports.clock.now() } : name)
}

/** By the row, else as a run under that root would find it. */
const feedOf = async (run: Run, root: string, offersBasic: boolean): Promise<Operated<Task['name']>> => {
  const { name, settings } = run
  if (name?.feedId !== undefined) return E.right({ ...name, feedId: name.feedId })
  const there: Run = { ...run, settings: { ...settings, dicom: { ...settings.dicom, root } } }
  // Who names the root of today again confirms that the checkpoint is its.
  const found = await findName(there, offersBasic, root === settings.dicom.root)
  if (E.isLeft(found)) return service(found.left)
  return E.right({ ...found.right, ...name, feedId: found.right.feedId ?? positionId(root) })
}

/** No other feed may have the new name: both would be one from then on. */
export const isFree = async (run: Run, { name, to }: Task, offersBasic: boolean): Promise<Operated<void>> => {
  if (!offersBasic) return E.right(undefined)
  const pointer = await retrying(run, run.ports.fhir.read('Basic', pointerId(to.root)))
  if (E.isLeft(pointer)) return service(pointer.left)
  const pointed = O.isSome(pointer.right) ? namedIn(pointer.right.value).feedId : undefined
  for (const id of new Set([positionId(to.root), ...(pointed === undefined ? [] : [pointed])])) {
    const position = id === name.feedId ? E.right(O.none) : await retrying(run, run.ports.fhir.read('Basic', id))
    if (E.isLeft(position)) return service(position.left)
    if (O.isSome(position.right) && (namedIn(position.right.value).root ?? to.root) === to.root) {
      return refused(`FHIR holds another feed of ${to.root} already: the two cannot become one`)
    }
  }
  return E.right(undefined)
}

export const gateFor = async (run: Run): Promise<Operated<void>> => {
  const read = await retrying(run, run.ports.gate.read())
  if (E.isLeft(read)) return service(read.left)
  const state = O.isSome(read.right) ? read.right.value.state : 'running'
  return state === 'running' || state === 'renaming' ? E.right(undefined) : refused(whatItDoes[state])
}
