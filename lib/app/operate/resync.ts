import * as E from 'fp-ts/Either'
import type { ImagingStudy } from 'fhir/r4'
import type { DeleteRow, LiveRow, RecordedRow } from '../../domain/batch/judge'
import { planEndpoint, recordedIn } from '../../domain/batch/plan'
import { type Snapshot, findStudy, referencedId, studiesOf } from '../../domain/batch/snapshot'
import { emptyUnit } from '../../domain/batch/units'
import type { EntryError, ServiceError } from '../../domain/cast-error'
import { type InstanceKey, instanceKeyText } from '../../domain/dicom/change-feed-entry'
import { isSourceOf } from '../../domain/fhir/provenance'
import { studyIdentifier } from '../../domain/fhir/identifiers'
import { isEndpointOf } from '../../domain/mapping/endpoint'
import { type Run, retrying } from '../context'
import { loadSnapshot, probe } from '../cast/load-snapshot'
import { lookAhead } from '../cast/prepare'
import type { OperatorPorts } from '../ports-operator'
import { type FailIndex, aboutStudies } from '../run/fail-index'
import { type Witnesses, believeStudyGone } from './held-studies'
import { heedNotesOf } from './notes-of-study'
import { type PlannedWrite, plannedWrites } from '../cast/planned-writes'

export type StudyKey = Pick<InstanceKey, 'partition' | 'studyInstanceUid'>

/** One study as the DICOM service has it now, against what FHIR holds. */
export interface StudyRows {
  /** Upserts of what there is, deletes of what is gone; numbered from 1, since they are none of the feed. */
  readonly rows: ReadonlyArray<LiveRow>
  /** Instances that cannot be cast, with the reason. */
  readonly rejected: ReadonlyArray<Pick<RecordedRow, 'key' | 'error' | 'issues'>>
  readonly liveInstances: number
  /** Of these, those that rejection notes have taken out. */
  readonly withdrawn: number
  readonly heldInstances: number
  /** As many as the archive gave, castable or not, with the notes among them. */
  readonly readInstances: number
  /** Neither service knows it. */
  readonly unknown: boolean
}

export interface StudyReport {
  readonly study: string
  readonly partition: string
  readonly inStep: boolean
  readonly instances: {
    readonly inDicom: number
    readonly inFhir: number
    /** And no row of a fail table tells it. */
    readonly missing: number
    readonly gone: number
  }
  /** What a resync would do, apart from another attempt at what has its row in a fail table. */
  readonly writes: ReadonlyArray<PlannedWrite>
  /** Instances that FHIR lacks, or has as they were, because they could not be cast: by code, or by that of their row. */
  readonly notCast: Readonly<Record<string, number>>
  /** Instances that the archive has withdrawn by rejection notes: FHIR holds none of them. None where there are none. */
  readonly withdrawn?: number
  /** Of those not cast, how many have no row: nobody would hear of them. */
  readonly unrecorded: number
  /** Ids of ImagingStudies that stand beside it with images of their own: a person must say which one stays. */
  readonly twins?: ReadonlyArray<string>
}

const instancesOf = (study: ImagingStudy | undefined, key: StudyKey): ReadonlyArray<InstanceKey> =>
  (study?.series ?? []).flatMap(({ uid: seriesInstanceUid, instance = [] }) =>
    instance.map(({ uid: sopInstanceUid }) => ({ ...key, seriesInstanceUid, sopInstanceUid })),
  )

/**
 * FHIR first, then DICOM: what FHIR holds and DICOM no longer has is gone, and not just younger. Whoever holds the
 * lease, or the study's lane, knows that nobody adds to FHIR in between. `snapshot`: what FHIR holds, where it was just read.
 */
export const readStudyRows = async (
  run: Run,
  ports: OperatorPorts,
  key: StudyKey,
  witnesses: Witnesses = new Map(),
  snapshot?: Snapshot,
): Promise<E.Either<ServiceError, StudyRows>> => {
  const before = snapshot === undefined ? await loadSnapshot(run, [probe(key)], []) : E.right(snapshot)
  if (E.isLeft(before)) return before
  const read = await retrying(run, run.ports.dicom.study(key.partition, key.studyInstanceUid))
  if (E.isLeft(read)) return read
  const identifier = studyIdentifier(key.studyInstanceUid).value ?? ''
  const held = findStudy(before.right, run.settings, key.partition, identifier)
  if (read.right.length > 0) witnesses.set(key.partition, key.studyInstanceUid)
  const believed =
    // Of an archive without a feed nobody has compared yet.
    read.right.length > 0 || (held === undefined && ports.source === undefined)
      ? E.right(undefined)
      : await believeStudyGone(run, ports, key, witnesses)
  if (E.isLeft(believed)) return believed
  const judged = read.right.map((metadata, index) => judgeInstance(run, key, metadata, index + 1))
  const { rejected, upserts, told, withdrawn } = heedNotesOf(
    run,
    key,
    judged.flatMap((judgement) => (judgement._tag === 'Live' ? [judgement.row] : [])),
  )
  run.rejected = rejected
  const uncastable = judged.flatMap((judgement) => (judgement._tag === 'Recorded' ? [judgement.row] : []))
  const live = new Set([...upserts, ...uncastable].map(({ key: each }) => instanceKeyText({ ...noUids, ...each })))
  const removable = held !== undefined && isForUsToSay(run, key.partition, held, before.right.endpoints)
  const gone = instancesOf(removable ? held : undefined, key).filter((each) => !live.has(instanceKeyText(each)))
  return E.right({
    rows: [
      ...upserts.map((row): LiveRow => ({ ...row, isWhole: true })),
      ...gone.map((each, index): DeleteRow => ({
        ...{ _tag: 'Delete', key: each, late: false, sequence: judged.length + index + 1, isWhole: true },
      })),
    ],
    rejected: [...uncastable, ...told],
    liveInstances: live.size,
    withdrawn,
    heldInstances: instancesOf(held, key).length,
    readInstances: read.right.length,
    unknown: read.right.length === 0 && held === undefined,
  })
}

const noUids: InstanceKey = { partition: '', studyInstanceUid: '', seriesInstanceUid: '', sopInstanceUid: '' }

/** Images of another archive in the same resource are not ours to remove. */
const isForUsToSay = (
  { settings }: Run,
  partition: string,
  study: ImagingStudy,
  endpoints: Parameters<typeof findStudy>[0]['endpoints'],
): boolean => {
  if (isSourceOf(study.meta, settings.dicom, partition)) return true
  const own = new Set(endpoints.filter(isEndpointOf(settings.dicom, partition)).map(({ id }) => id))
  const named = [study, ...(study.series ?? [])].flatMap(({ endpoint = [] }) => endpoint)
  return named.length > 0 && named.every((each) => own.has(referencedId(settings.fhirBase, 'Endpoint', each)))
}

const uidIn = (metadata: unknown, tag: string): unknown => {
  const element: unknown = typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, tag) : undefined
  const values: unknown = typeof element === 'object' && element !== null ? Reflect.get(element, 'Value') : undefined
  return Array.isArray(values) ? (values[0] as unknown) : undefined
}

/** An instance of a study as its own row would tell it. */
export const judgeInstance = (run: Run, key: StudyKey, metadata: unknown, sequence: number) => {
  const decoded = run.judge.decode({
    sequence,
    partitionName: key.partition,
    studyInstanceUid: key.studyInstanceUid,
    seriesInstanceUid: uidIn(metadata, '0020000E'),
    sopInstanceUid: uidIn(metadata, '00080018'),
    action: 'create',
    state: 'current',
    metadata,
  })
  if (E.isRight(decoded)) return run.judge.judge(decoded.right, false)
  const error: EntryError = { _tag: 'EntryMalformed', paths: decoded.left.paths }
  return { _tag: 'Recorded', row: { sequence, key: decoded.left.key, error, issues: [] } } as const
}

/** What a resync would do; nothing to do means in step. What has its row in a fail table is known, and no difference. */
export const verifyStudy = async (
  run: Run,
  ports: OperatorPorts,
  key: StudyKey,
  index: FailIndex,
  witnesses?: Witnesses,
): Promise<E.Either<ServiceError, StudyReport | undefined>> => {
  const study = await readStudyRows(run, ports, key, witnesses)
  if (E.isLeft(study)) return study
  if (study.right.unknown) return E.right(undefined)
  const { rows: failRows } = aboutStudies(index, [key, ...study.right.rejected.map((each) => each.key)])
  const known = new Map([...failRows.values()].map((row) => [instanceKeyText({ ...noUids, ...row }), row.code]))
  // What a note says of an image is no reason why it could not be cast.
  const refusals = new Map([...known].filter(([, code]) => code !== 'Rejected'))
  const ahead = await aheadOfKnown(run, study.right.rows, refusals)
  if (E.isLeft(ahead)) return ahead
  const { plan, snapshot, rows, refused } = ahead.right
  const recorded = new Set(recordedIn(plan).map(({ row }) => row))
  const castable = rows.filter((row) => row._tag === 'Upsert' && !recorded.has(row))
  const endpoint = castable.length === 0 ? undefined : planEndpoint(run.settings, snapshot, key.partition)
  const unit = endpoint === undefined ? [] : [{ ...emptyUnit, entries: [endpoint] }]
  const writes = plannedWrites({ units: [...unit, ...plan.units] }, snapshot)
  const notCast = [...study.right.rejected, ...recordedIn(plan).map(({ row, error }) => ({ key: row.key, error }))]
  const unrecorded = notCast.filter((each) => !known.has(instanceKeyText({ ...noUids, ...each.key }))).length
  const held = new Set(instancesOf(findStudyIn(run, key, snapshot), key).map(instanceKeyText))
  const twins = twinsIn(run, key, snapshot)
  return E.right({
    study: key.studyInstanceUid,
    partition: key.partition,
    inStep: writes.length === 0 && unrecorded === 0 && twins.length === 0,
    instances: {
      inDicom: study.right.liveInstances,
      inFhir: study.right.heldInstances,
      missing: castable.filter((row) => !held.has(instanceKeyText(row.key))).length,
      gone: rows.filter((row) => row._tag === 'Delete' && row.unowned === undefined).length,
    },
    writes,
    notCast: countTexts([...failuresIn(notCast.map(({ error }) => error)), ...refused]),
    ...withdrawnOf(study.right),
    unrecorded,
    ...(twins.length === 0 ? {} : { twins }),
  })
}

/** What stands emptied is none. */
const twinsIn = ({ settings }: Run, key: StudyKey, snapshot: Snapshot): ReadonlyArray<string> => {
  const [, ...others] = studiesOf(snapshot, settings, key.partition, studyIdentifier(key.studyInstanceUid).value ?? '')
  return others.flatMap(({ id = '', series = [] }) => (series.length > 0 ? [id] : []))
}

/**
 * What would be written now of rows that no row of a fail table is about: whether FHIR takes the others is not to be
 * known without writing, and `refused` has the code of each. Those that cannot even be planned stay in the plan.
 */
const aheadOfKnown = async (run: Run, rows: ReadonlyArray<LiveRow>, known: ReadonlyMap<string, string>) => {
  const ahead = await lookAhead(run, rows, { rebuilt: rows })
  if (E.isLeft(ahead)) return ahead
  const recorded = new Set<LiveRow>(recordedIn(ahead.right.plan).map(({ row }) => row))
  const codeOf = (row: LiveRow): string | undefined =>
    row._tag === 'Upsert' && !recorded.has(row) ? known.get(instanceKeyText(row.key)) : undefined
  const refused = rows.flatMap((row) => codeOf(row) ?? [])
  if (refused.length === 0) return E.right({ ...ahead.right, rows, refused })
  const others = rows.filter((row) => codeOf(row) === undefined)
  const rest = await lookAhead(run, others, { rebuilt: rows })
  return E.isLeft(rest) ? rest : E.right({ ...rest.right, rows: others, refused })
}

const findStudyIn = ({ settings }: Run, key: StudyKey, snapshot: Parameters<typeof findStudy>[0]) =>
  findStudy(snapshot, settings, key.partition, studyIdentifier(key.studyInstanceUid).value ?? '')

const countTexts = (texts: ReadonlyArray<string>): Readonly<Record<string, number>> => {
  const counts: Record<string, number> = {}
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1
  return counts
}

/** What the archive itself has withdrawn is no failure. */
const failuresIn = (errors: ReadonlyArray<EntryError>): ReadonlyArray<EntryError['_tag']> =>
  errors.flatMap(({ _tag }) => (_tag === 'Rejected' ? [] : [_tag]))

export const countByCode = (errors: ReadonlyArray<EntryError>): Readonly<Partial<Record<EntryError['_tag'], number>>> =>
  countTexts(failuresIn(errors))

export const withdrawnOf = ({ withdrawn }: Pick<StudyRows, 'withdrawn'>): { readonly withdrawn?: number } =>
  withdrawn === 0 ? {} : { withdrawn }
