import * as E from 'fp-ts/Either'
import * as TH from 'fp-ts/These'
import type { Patient } from 'fhir/r4'
import type { EntryError, TagIssue } from '../cast-error'
import {
  type ChangeFeedEntry,
  type InstanceKey,
  type MalformedEntry,
  decodeEntry,
  isLive,
} from '../dicom/change-feed-entry'
import { type DicomDataset, projectDataset } from '../dicom/dataset'
import { isSynced } from '../dicom/partition'
import { type RejectionNote, noteKeywords, readRejectionNote } from '../dicom/rejection-note'
import { type Keyword, tagOf } from '../dicom/tags'
import { type Change, type Mapped, applyRules, issuesOf, oncePerTag } from '../mapping/mapped'
import { rememberAlike } from './alike'
import { uidIssues } from './uid-issues'
import { dateOf, isPhantom, isUnowned, nobody, uidIn, uidsIn } from './claims'
import { doseKeywords } from '../mapping/dose/rules'
import { type DoseReport, isDoseReport, mapDoseReport } from '../mapping/dose/report'
import type { RowKind, StudyChange } from '../mapping/merge-study'
import { patientRules } from '../mapping/patient'
import { type IdentityProblem, type PatientIdentity, noting, readPatientIdentity } from '../mapping/patient-identity'
import { type RuleText, mappingRules } from '../mapping/rules'
import type { MappingSettings } from '../mapping/settings'

interface Row {
  readonly sequence: number
  readonly key: InstanceKey
  readonly late: boolean
  /** Of a study that is compared as a whole: all that FHIR holds of it is looked at, not only what the row touches. */
  readonly isWhole?: true
}

/** An instance that exists now, mapped but not yet merged. */
export interface UpsertRow extends Row, RowKind {
  readonly _tag: 'Upsert'
  readonly identity: PatientIdentity
  /** A test object (QualityControlSubject): nobody's record can hold it by mistake. */
  readonly isPhantom: boolean
  /** As FHIR writes a date; none when it is missing or unreadable. */
  readonly studyDate: string | undefined
  readonly patient: Change<Patient>
  /** The Patient of this entry alone: what it claims about the person. */
  readonly claimed: Patient
  readonly change: StudyChange
  /** Of an instance that is a radiation dose report. */
  readonly dose?: DoseReport
  readonly issues: ReadonlyArray<TagIssue>
}

export interface DeleteRow extends Row {
  readonly _tag: 'Delete'
  /** It exists, and it is not known whose it is: it is taken out of FHIR as one that is gone, and recorded. */
  readonly unowned?: Pick<RecordedRow, 'error' | 'issues'>
  /** An Update row of such an instance, which may have stood under other UIDs. */
  readonly update?: true
  /** A rejection note: it is no image, and what an older version stored of it goes. */
  readonly note?: RejectionNote
  /** Superseded: it takes nothing away, and only asks whether its instance stood under other UIDs before. */
  readonly probe?: true
}

export type LiveRow = UpsertRow | DeleteRow

export interface RecordedRow {
  readonly sequence: number
  readonly key: Partial<InstanceKey>
  readonly error: EntryError
  /** For InvalidDicomTagExceptionTable. */
  readonly issues: ReadonlyArray<TagIssue>
}

/** What its record says beside the fate of the entry: for InvalidDicomTagExceptionTable. */
export const issuesOfRow = (row: LiveRow): ReadonlyArray<TagIssue> =>
  row._tag === 'Upsert' ? row.issues : (row.unowned?.issues ?? [])

export type Judgement =
  | { readonly _tag: 'Live'; readonly row: LiveRow }
  /** `probe`: of an Update row, for whoever casts the feed. */
  | { readonly _tag: 'Superseded'; readonly entry: ChangeFeedEntry; readonly probe?: DeleteRow }
  /** Its partition is not synced. */
  | { readonly _tag: 'Skipped'; readonly entry: ChangeFeedEntry }
  | { readonly _tag: 'Recorded'; readonly row: RecordedRow }

export interface Judge {
  /** Decodes one element of a page. */
  readonly decode: (element: unknown) => E.Either<MalformedEntry, ChangeFeedEntry>
  readonly judge: (entry: ChangeFeedEntry, late: boolean) => Judgement
  /** The metadata of an instance that was read whole, as the row it would make. None when it is rejected, and of a rejection note. */
  readonly judgeDataset: (json: unknown, partition: string) => UpsertRow | undefined
  /** Series and instance that a dataset names; empty where it cannot be read. */
  readonly uidsOf: (json: unknown) => Pick<InstanceKey, 'seriesInstanceUid' | 'sopInstanceUid'>
  /** Tags that say something about the patient or the study: their issues stand once a study. */
  readonly studyKeywords: ReadonlySet<Keyword>
}

/** What the images of a series say alike. */
interface Alike {
  readonly identity: E.Either<IdentityProblem, PatientIdentity>
  readonly studyDate: string | undefined
  readonly patient: Mapped<Change<Patient>>
  /** Also of elements that are not written: whose image it is must be known all the same. */
  readonly claimed: Patient
  readonly study: Mapped<StudyChange['study']>
  readonly series: Mapped<StudyChange['series']>
  readonly issues: ReadonlyArray<TagIssue>
}

export interface JudgeSettings extends MappingSettings {
  readonly generateObservations: boolean
  /** Partitions that are synced; empty for all. */
  readonly partitions: ReadonlySet<string>
}

/** Judges entries one by one, before anything is folded: a rejected entry's values reach nothing. */
export const makeJudge = (settings: JudgeSettings, onUnmapped?: (issuer: string) => void): Judge => {
  const { study: ofStudy, series: ofSeries, instance: ofInstance, patient: ofPatient } = mappingRules(settings, '')
  const [mapStudy, mapSeries, mapInstance] = [applyRules(ofStudy), applyRules(ofSeries), applyRules(ofInstance)]
  const keywordsOf = (rules: ReadonlyArray<RuleText>): ReadonlySet<Keyword> =>
    new Set(rules.flatMap(({ tags }) => tags))
  const all: ReadonlyArray<RuleText> = [...ofPatient, ...ofStudy, ...ofSeries, ...ofInstance]
  const studyKeywords = keywordsOf([...ofPatient, ...ofStudy])
  const judgedKeywords = keywordsOf(all.filter(({ judged }) => judged))
  const requiredKeywords = new Set(
    all.flatMap(({ tags: [main], required }) => (required && main !== undefined ? [main] : [])),
  )
  const alikeKeywords = keywordsOf([...patientRules(settings, ''), ...ofStudy, ...ofSeries])
  const alikeTags = [...new Set([...alikeKeywords, 'StudyDate' as const])].map(tagOf)
  const further = [...noteKeywords, 'QualityControlSubject'] as const
  const wanted = new Set([...[...keywordsOf(all), ...further].map(tagOf), ...alikeTags])
  if (settings.generateObservations) for (const keyword of doseKeywords) wanted.add(tagOf(keyword))
  const mapDose = mapDoseReport(settings)
  const project = projectDataset(wanted)
  const alikeIn = (partition: string): ((series: string, dataset: DicomDataset) => Alike) => {
    const readIdentity = noting(readPatientIdentity(settings, partition), onUnmapped)
    const [written, known] = [mappingRules(settings, partition).patient, patientRules(settings, partition)]
    const mapPatient = applyRules(written)
    const mapClaims = written.length === known.length ? mapPatient : applyRules(known)
    return rememberAlike(alikeTags, (dataset) => {
      const [patient, study, series] = [mapPatient(dataset), mapStudy(dataset), mapSeries(dataset)]
      const claims = mapClaims === mapPatient ? patient : mapClaims(dataset)
      return {
        identity: readIdentity(dataset),
        studyDate: dateOf(dataset),
        patient,
        claimed: TH.isLeft(claims) ? nobody : claims.right('follow')(nobody),
        study,
        series,
        issues: oncePerTag([patient, study, series].flatMap(issuesOf)),
      }
    })
  }
  const partitions = new Map<string, ReturnType<typeof alikeIn>>()
  const alikeOf = ({ partition, studyInstanceUid, seriesInstanceUid }: InstanceKey, dataset: DicomDataset): Alike => {
    const read = partitions.get(partition) ?? alikeIn(partition)
    partitions.set(partition, read)
    return read(`${studyInstanceUid} ${seriesInstanceUid}`, dataset)
  }

  const map = (
    key: InstanceKey,
    dataset: DicomDataset,
    kind: RowKind & { readonly sequence: number },
  ): E.Either<RecordedRow, UpsertRow> => {
    const reject = (error: EntryError, issues: ReadonlyArray<TagIssue> = []): E.Either<RecordedRow, UpsertRow> =>
      E.left({ sequence: kind.sequence, key, error, issues })
    const { identity, studyDate, patient, claimed, study, series, issues: alike } = alikeOf(key, dataset)
    if (E.isLeft(identity) && identity.left._tag === 'IssuerUnknown') return reject({ _tag: 'IssuerUnknown' })
    const instance = mapInstance(dataset)
    const own = [...issuesOf(instance), ...uidIssues(key, dataset)]
    const issues = own.length === 0 ? alike : oncePerTag([...alike, ...own])
    const mapped = !TH.isLeft(patient) && !TH.isLeft(study) && !TH.isLeft(series) && !TH.isLeft(instance)
    const invalid = issues.filter(({ _tag, keyword }) => _tag === 'TagInvalid' && judgedKeywords.has(keyword))
    const uidsDiffer = issues.some((issue) => issue._tag === 'TagInvalid' && issue.reason.startsWith('differs'))
    if (!mapped || E.isLeft(identity) || uidsDiffer || (settings.enforceValidation && invalid.length > 0)) {
      const optional = invalid.filter(({ keyword }) => !requiredKeywords.has(keyword))
      return reject({ _tag: 'TagsRejected', issues }, settings.enforceValidation ? optional : [])
    }
    const dose = settings.generateObservations && isDoseReport(dataset) ? mapDose(dataset) : undefined
    const right = <A>(part: TH.Both<unknown, A> | E.Right<A>): A => part.right
    return E.right({
      _tag: 'Upsert',
      sequence: kind.sequence,
      key,
      late: kind.late,
      update: kind.update,
      identity: identity.right,
      isPhantom: isPhantom(dataset),
      studyDate,
      patient: right(patient),
      claimed,
      change: { study: right(study), series: right(series), instance: right(instance) },
      ...(dose === undefined || TH.isLeft(dose) ? {} : { dose: dose.right }),
      // An issue of a report never keeps its instance out.
      issues: dose === undefined ? issues : oncePerTag([...issues, ...issuesOf(dose)]),
    })
  }

  return {
    decode: decodeEntry(project),
    uidsOf: (json) => uidsIn(project(json)),
    studyKeywords,
    judge: (entry, late) => {
      if (!isSynced(settings.partitions, entry.partition)) return { _tag: 'Skipped', entry }
      const key = keyOf(entry)
      const { sequence } = entry
      if (!isLive(entry) && entry.action !== 'update') return { _tag: 'Superseded', entry }
      if (!isLive(entry)) {
        return { _tag: 'Superseded', entry, probe: { _tag: 'Delete', sequence, key, late, probe: true } }
      }
      if (entry.action === 'delete') return { _tag: 'Live', row: { _tag: 'Delete', sequence, key, late } }
      if (entry.metadata === undefined) {
        const error: EntryError = { _tag: 'EntryMalformed', paths: ['metadata'] }
        return { _tag: 'Recorded', row: { sequence, key, error, issues: [] } }
      }
      const note = readRejectionNote(entry.metadata)
      if (note !== undefined) return { _tag: 'Live', row: { _tag: 'Delete', sequence, key, late, note } }
      const row = map(key, entry.metadata, { sequence, late, update: entry.action === 'update' })
      if (E.isRight(row)) return { _tag: 'Live', row: row.right }
      const { error, issues } = row.left
      if (!isUnowned(error)) return { _tag: 'Recorded', row: row.left }
      const update = entry.action === 'update' ? { update: true as const } : {}
      return { _tag: 'Live', row: { _tag: 'Delete', sequence, key, late, unowned: { error, issues }, ...update } }
    },
    judgeDataset: (json, partition) => {
      const dataset = project(json)
      if (dataset === undefined || readRejectionNote(dataset) !== undefined) return undefined
      const studyInstanceUid = uidIn(dataset, 'StudyInstanceUID')
      const key = { partition, studyInstanceUid, ...uidsIn(dataset) }
      const row = map(key, dataset, { sequence: 0, late: false, update: false })
      return E.isRight(row) ? row.right : undefined
    },
  }
}

const keyOf = ({ partition, studyInstanceUid, seriesInstanceUid, sopInstanceUid }: ChangeFeedEntry): InstanceKey => ({
  partition,
  studyInstanceUid,
  seriesInstanceUid,
  sopInstanceUid,
})

export const recordMalformed = (entry: MalformedEntry, sequence: number): RecordedRow => ({
  sequence,
  key: entry.key,
  error: { _tag: 'EntryMalformed', paths: entry.paths },
  issues: [],
})
