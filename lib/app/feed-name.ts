import type { Endpoint } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { ServiceError } from '../domain/cast-error'
import { defaultPartition } from '../domain/dicom/partition'
import { codeSystems } from '../domain/fhir/code-systems'
import { identifierToken } from '../domain/fhir/identifiers'
import { namedIn, pointerId, pointerResource, positionId } from '../domain/fhir/position'
import { type DicomRoot, carriesOurMark, ourTag, unversioned } from '../domain/fhir/provenance'
import { isEndpointOf, isInOriginalsForm, normalised } from '../domain/mapping/endpoint'
import { type Run, retrying } from './context'
import type { FhirSearch } from './ports'
import type { FeedName, StoredName } from './ports-name'

// What the feed is called: kept in storage, and in FHIR for who lost that. The setting of today only has to agree.

type Result<A> = Promise<E.Either<ServiceError, A>>

const elsewhere = (roots: ReadonlyArray<string>, today: string): ServiceError => ({
  _tag: 'ServiceRenamed',
  reason:
    `the checkpoint belongs to ${roots.join(' or ')}, and DicomWeb__Endpoint names ${today}; if that is the same ` +
    `service under another name: dicomcast rename-service --from ${roots[0] ?? ''}`,
})

export const beingRenamed = (root: string, to: string): ServiceError => ({
  ...{ _tag: 'GateClosed', state: 'renaming' },
  reason: `renaming ${root} to ${to}; dicomcast rename-service --from ${root} finishes it`,
})

/** `dicom` under the name that is kept. */
export const under = (dicom: DicomRoot, { feedId, root, formerRoots }: FeedName): DicomRoot => ({
  ...dicom,
  ...{ root, formerRoots },
  ...(feedId === undefined ? {} : { feedId }),
})

const adopt = (run: Run, name: FeedName): void => {
  run.settings = { ...run.settings, dicom: under(run.settings.dicom, name) }
}

/** The name that storage keeps, if it agrees with the setting, and nobody changes it now. To be read under the lease. */
export const knowName = async (run: Run): Result<void> =>
  E.flatMap((name: O.Option<StoredName>) => goBy(run, name))(await retrying(run, run.ports.names.read()))

/** Why no run goes by this name today; none when one may. */
export const disagreementOf = ({ root, renaming }: FeedName, today: string): ServiceError | undefined => {
  if (renaming !== undefined) return beingRenamed(root, renaming.to)
  return root === today ? undefined : elsewhere([root], today)
}

/** The run goes by this name from now on. */
export const goBy = (run: Run, name: O.Option<StoredName>): E.Either<ServiceError, void> => {
  run.name = O.toUndefined(name)
  if (run.name === undefined) return E.right(undefined)
  const disagreement = disagreementOf(run.name, run.settings.dicom.root)
  if (disagreement !== undefined) return E.left(disagreement)
  adopt(run, run.name)
  return E.right(undefined)
}

/** Under the lease. */
export const writeName = async (run: Run, name: FeedName): Result<void> => {
  const held = run.lease.check()
  if (E.isLeft(held)) return held
  const written = await run.ports.names.write(name, run.name?.etag)()
  const read = await retrying(run, run.ports.names.read())
  if (E.isLeft(read)) return read
  run.name = O.toUndefined(read.right)
  // A write whose answer was lost is ours, too.
  if (E.isLeft(written) && !saysTheSame(run.name, name)) return written
  adopt(run, name)
  return E.right(undefined)
}

const textOf = ({ feedId, root, formerRoots, takenOverAt, renaming, conditions }: FeedName): string =>
  JSON.stringify([feedId, root, formerRoots, takenOverAt, renaming?.to, renaming?.version, conditions?.triedAt])

const saysTheSame = (stored: FeedName | undefined, name: FeedName): boolean =>
  stored !== undefined && textOf(stored) === textOf(name)

/** The checkpoint of the original is that of the service whose Endpoint it wrote: under another name all would be made anew. */
const isOfOriginalsRoot = async (run: Run): Result<void> => {
  if (run.name !== undefined) return E.right(undefined)
  const found = await retrying(run, run.ports.fhir.search([ours]))
  if (E.isLeft(found)) return found
  const { dicom } = run.settings
  const endpoints = found.right.flat() as ReadonlyArray<Endpoint>
  const theirs = endpoints.filter(isInOriginalsForm)
  if (theirs.length === 0 || endpoints.some(isEndpointOf(dicom, defaultPartition))) return E.right(undefined)
  return E.left(elsewhere([...new Set(theirs.map(({ address }) => normalised(address)))], dicom.root))
}

/** A new checkpoint is about to be written, or the original's to be gone on from: it is this root's. */
export const beginName = async (run: Run, isOriginals: boolean): Result<void> => {
  const takenOver = isOriginals ? { takenOverAt: run.ports.clock.now() } : {}
  const isItsOwn = isOriginals ? await isOfOriginalsRoot(run) : E.right(undefined)
  if (E.isLeft(isItsOwn)) return isItsOwn
  if (run.name === undefined) return writeName(run, { root: run.settings.dicom.root, formerRoots: [], ...takenOver })
  if (!isOriginals || run.name.takenOverAt !== undefined) return E.right(undefined)
  // It was gone back to since, or somebody has written the checkpoint as the original does.
  const { etag: _etag, ...name } = run.name
  return writeName(run, { ...name, ...takenOver })
}

/** Before the first write: the feed id is known, kept in storage, and to be found in FHIR by the root of today. */
export const claimName = async (run: Run, offersBasic: boolean): Result<void> => {
  if (run.name?.feedId !== undefined) return E.right(undefined)
  const name = await findName(run, offersBasic)
  if (E.isLeft(name)) return name
  if (offersBasic) {
    const pointed = await pointTo(run, under(run.settings.dicom, name.right))
    if (E.isLeft(pointed)) return pointed
  }
  const { takenOverAt } = run.name ?? {}
  return writeName(run, { ...name.right, ...(takenOverAt === undefined ? {} : { takenOverAt }) })
}

/** The pointer of the root of today; constant for one feed, so that it may be written again. */
export const pointTo = async (run: Run, dicom: DicomRoot): Result<void> => {
  const held = run.lease.check()
  if (E.isLeft(held)) return held
  const pointer = pointerResource(dicom)
  const put = await retrying(run, run.ports.fhir.put('Basic', pointer.id ?? '', JSON.stringify(pointer)))
  if (E.isRight(put) || put.left._tag !== 'FhirConflict') return put
  // Another installation has written it at the same time: most likely the same.
  const stored = await readNamed(run, pointerId(dicom.root))
  if (E.isLeft(stored)) return stored
  return stored.right?.feedId === dicom.feedId ? E.right(undefined) : put
}

/** As it would be claimed, for who only looks. */
export const lookUnderName = async (run: Run): Result<void> => {
  const known = await knowName(run)
  if (E.isLeft(known) || run.name?.feedId !== undefined) return known
  const checked = await retrying(run, run.ports.fhir.check())
  if (E.isLeft(checked)) return checked
  const name = await findName(run, checked.right.offersBasic)
  if (E.isRight(name)) adopt(run, name.right)
  return E.map(() => undefined)(name)
}

const mostSalts = 20

/**
 * The feed that has this root today, as FHIR knows it: by the pointer; else by the position of the root's own hash. One
 * that was renamed since may have that, because a host name is used again: then the hash is salted.
 */
export const findName = async (run: Run, offersBasic: boolean, isConfirmed = false): Result<FeedName> => {
  const { root } = run.settings.dicom
  if (!offersBasic) return E.right({ feedId: positionId(root), root, formerRoots: [] })
  const pointer = await readNamed(run, pointerId(root))
  if (E.isLeft(pointer)) return pointer
  const candidates = Array.from({ length: mostSalts }, (_, salt) => positionId(root, salt))
  const pointed = pointer.right?.feedId
  for (const feedId of pointed === undefined ? candidates : [pointed, ...candidates]) {
    const position = await readNamed(run, feedId)
    if (E.isLeft(position)) return position
    if (position.right === undefined) {
      return E.map((): FeedName => ({ feedId, root, formerRoots: [] }))(
        isConfirmed ? E.right(undefined) : await isNew(run, feedId),
      )
    }
    const { root: today = root, formerRoots } = position.right
    if (today === root) return E.right({ feedId, root, formerRoots })
  }
  const reason = `${mostSalts} feeds that had this DICOM service’s root have been renamed since`
  return E.left({ _tag: 'ServiceUnavailable', hop: 'fhir', reason })
}

const readNamed = async (run: Run, id: string): Result<ReturnType<typeof namedIn> | undefined> => {
  const read = await retrying(run, run.ports.fhir.read('Basic', id))
  return E.isLeft(read) ? read : E.right(O.isNone(read.right) ? undefined : namedIn(read.right.value))
}

const ours: FhirSearch = {
  type: 'Endpoint',
  parameters: [
    ['connection-type', identifierToken(codeSystems.endpointConnectionType, 'dicom-wado-rs')],
    ['_count', '500'],
  ],
}

/**
 * FHIR has no position of this root. The checkpoint of the version before then belongs to another, unless nothing was
 * ever written: its Endpoint, marked as ours, says to which.
 */
const isNew = async (run: Run, feedId: string): Result<void> => {
  const { dicom } = run.settings
  if (run.name !== undefined || feedId !== positionId(dicom.root)) return E.right(undefined)
  const read = await retrying(run, run.ports.checkpoints.read())
  if (E.isLeft(read)) return read
  if (O.isNone(read.right)) return E.right(undefined)
  // Also where a row that was mended by hand tells no more that it was the original's.
  const isItsOwn = await isOfOriginalsRoot(run)
  if (E.isLeft(isItsOwn) || read.right.value.isOriginals === true) return isItsOwn
  const found = await retrying(run, run.ports.fhir.search([ours]))
  if (E.isLeft(found)) return found
  const marked = found.right.flat().filter(({ meta }) => meta?.tag?.some(({ system }) => system === ourTag.system))
  if (marked.length === 0 || marked.some(({ meta }) => carriesOurMark(meta, dicom))) return E.right(undefined)
  const roots = marked.map(({ meta }) => unversioned(meta?.source ?? '').replace(/\/partitions\/[^/]*$/, ''))
  return E.left(elsewhere([...new Set(roots)], dicom.root))
}
