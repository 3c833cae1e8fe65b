import {
  type Action,
  type Delivery,
  type Event,
  beginDelivery,
  decide,
  evolve,
} from '../../../../lib/domain/batch/delivery'
import type { DeliveryInput, Sent } from '../../../../lib/domain/batch/delivery'
import type { LiveRow, UpsertRow } from '../../../../lib/domain/batch/judge'
import { closedLedger } from '../../../../lib/domain/batch/ledger'
import type { Plan } from '../../../../lib/domain/batch/plan'
import { type Unit, emptyUnit } from '../../../../lib/domain/batch/units'
import type { EntryError, ServiceError } from '../../../../lib/domain/cast-error'
import { studyKeyText } from '../../../../lib/domain/dicom/change-feed-entry'
import type { TransactionEntry } from '../../../../lib/domain/fhir/bundle'

/** How a FHIR server takes one image: it stores it, refuses it for good, or fails whenever it is in a transaction. */
export type Fate = 'ok' | 'refused' | 'failing'

export interface World {
  /** Studies by name, the fate of each image in order; `-` before a fate's name is a deletion. */
  readonly studies: Readonly<Record<string, ReadonlyArray<Fate | 'delete' | 'delete-refused'>>>
  /** Patient of a study; one of its own when it is left out. */
  readonly patients?: Readonly<Record<string, string>>
  readonly refusedPatients?: ReadonlyArray<string>
  /** What the n-th transaction comes to, whatever is in it. `lost`: it is carried out. */
  readonly script?: Readonly<Record<number, 'conflict' | 'lost' | 'down' | 'found' | 'endOfTime'>>
  /** Every transaction fails, also one of our position alone. */
  readonly outage?: boolean
  readonly stuckSince?: number
  readonly hasPosition?: boolean
  readonly rejectedStudies?: ReadonlyArray<string>
}

export const refusal: EntryError = { _tag: 'FhirRejected', status: 422, issues: ['invalid: ImagingStudy.started'] }
export const down: ServiceError = { _tag: 'ServiceUnavailable', hop: 'fhir', reason: 'it answers 503', status: 503 }
const conflict: ServiceError = { _tag: 'FhirConflict', status: 409 }
export const totalRetryDurationMs = 600_000
export const now = 10_000_000

interface Made {
  readonly row: LiveRow
  readonly fate: Fate | 'delete' | 'delete-refused'
  readonly patient: string
}

const make = ({ studies, patients = {} }: World): ReadonlyArray<Made> => {
  let sequence = 0
  return Object.entries(studies).flatMap(([studyInstanceUid, fates]) =>
    fates.map((fate, index) => {
      sequence += 1
      const key = {
        ...{ partition: 'Microsoft.Default', studyInstanceUid },
        ...{ seriesInstanceUid: `${studyInstanceUid}.1`, sopInstanceUid: `${studyInstanceUid}.1.${index}` },
      }
      const patient = patients[studyInstanceUid] ?? `P${studyInstanceUid}`
      const row = fate.startsWith('delete')
        ? ({ _tag: 'Delete', sequence, key, late: false } as const)
        : ({ _tag: 'Upsert', sequence, key, late: false, identity: { value: patient } } as unknown as UpsertRow)
      return { row, fate, patient }
    }),
  )
}

const entry = (text: string, creates?: true): TransactionEntry => ({
  ...{ text, bytes: text.length },
  ...(creates === true ? { creates: text } : {}),
})

/** A FHIR server and a planner, as small as the policy can be tried on. */
export const play = (world: World) => {
  const made = make(world)
  const of = new Map(made.map((each) => [each.row.sequence, each]))
  const stored = new Set<number>()
  const patients = new Set<string>()
  const emptied = new Set<string>()
  const transactions: Array<ReadonlyArray<string>> = []

  const planOf = ({ rows, patientsAlone, keep }: Extract<Action, { _tag: 'Plan' }>['input']): Plan => {
    const open = rows.filter(({ sequence }) => !stored.has(sequence))
    const groups = new Map<string, Array<LiveRow>>()
    for (const row of open) {
      const patient = of.get(row.sequence)?.patient ?? ''
      groups.set(patient, [...(groups.get(patient) ?? []), row])
    }
    const units = [...groups].flatMap(([patient, group]): ReadonlyArray<Unit> => {
      const isNew = !patients.has(patient) && group.some(({ _tag }) => _tag === 'Upsert')
      const person = isNew ? [entry(`Patient ${patient}`, true)] : []
      if (patientsAlone) return isNew ? [{ ...emptyUnit, entries: person, deferred: group }] : []
      const kept = group.filter((row) => keep.has(`ImagingStudy/${row.sequence}`))
      const deletions = group.filter((row) => row._tag === 'Delete' && !kept.includes(row))
      const images = group.filter(({ _tag }) => _tag === 'Upsert')
      const entries = [
        ...person,
        ...images.map(({ sequence }) => entry(`image ${sequence}`)),
        ...deletions.map(({ sequence }) => entry(`delete ${sequence}`)),
        ...kept.map(({ sequence }) => entry(`empty ${sequence}`)),
      ]
      const deletes = deletions.map(({ sequence }) => [`ImagingStudy/${sequence}`])
      return [{ ...emptyUnit, rows: group, entries, deletes }]
    })
    return {
      ...{
        recorded: [],
        doubts: [],
        agesWanted: [],
        leaving: [],
        syncedInstances: [],
        writes: new Set(),
        verdicts: new Map(),
      },
      ...{ units, unchanged: rows.filter(({ sequence }) => stored.has(sequence)) },
    }
  }

  const carryOut = (texts: ReadonlyArray<string>): void => {
    for (const text of texts) {
      const [verb, what = ''] = text.split(' ')
      if (verb === 'Patient') patients.add(what)
      else stored.add(Number(what))
      if (verb === 'empty') emptied.add(what)
      else if (verb === 'delete') emptied.delete(what)
    }
  }

  const answer = (entries: ReadonlyArray<TransactionEntry>): Sent => {
    const texts = entries.map(({ text }) => text)
    const fates = texts.map((text) => of.get(Number(text.split(' ')[1]))?.fate)
    const scripted = world.script?.[transactions.length]
    transactions.push(texts)
    if (scripted === 'endOfTime') return { _tag: 'OutOfTime' }
    if (scripted === 'conflict') return { _tag: 'Reread', error: conflict, positionMoved: true }
    if (scripted === 'lost') {
      carryOut(texts)
      return { _tag: 'Reread', error: { ...down, answerLost: true }, positionMoved: true }
    }
    if (world.outage === true || scripted === 'down' || fates.includes('failing')) {
      return { _tag: 'Failed', error: down, attempts: 6 }
    }
    if (texts.some((text) => text.startsWith('delete') && of.get(Number(text.slice(7)))?.fate === 'delete-refused')) {
      return { _tag: 'Reread', error: conflict, positionMoved: false }
    }
    const isRefused = texts.some((text) => (world.refusedPatients ?? []).some((each) => text === `Patient ${each}`))
    if (isRefused || fates.includes('refused')) return { _tag: 'Rejected', error: refusal }
    carryOut(texts)
    return { _tag: 'Committed', found: new Set(scripted === 'found' ? entries.filter(({ creates }) => creates) : []) }
  }

  const perform = (action: Exclude<Action, { _tag: 'Finish' }>): Event => {
    switch (action._tag) {
      case 'Plan':
        return { _tag: 'Planned', plan: planOf(action.input), endpoint: undefined, isRowsAlone: true }
      case 'Send':
        return { _tag: 'Sent', sent: answer(action.entries), now }
      case 'Wait':
        return { _tag: 'Waited', goOn: action.attempt < 6, now }
      case 'ReadEmptied': {
        const [, id = ''] = action.reference.split('/')
        return { _tag: 'EmptiedRead', deletion: emptied.has(id) ? entry(`delete ${id}`) : undefined }
      }
    }
  }

  const input: DeliveryInput = {
    ...{ live: made.map(({ row }) => row), superseded: [], limits: { entries: 100, bytes: 1_000_000 } },
    ...{ stuckSince: world.stuckSince, totalRetryDurationMs, rejectedStudies: world.rejectedStudies ?? [] },
    hasPosition: world.hasPosition ?? true,
  }
  let state: Delivery = beginDelivery(input)
  for (let steps = 0; ; steps++) {
    const action = decide(state)
    if (action._tag === 'Finish') {
      const settled = closedLedger(state.ledger, action.stop?._tag === 'FhirRejectsAll')
      const fateOf = (sequence: number): string => {
        const settlement = settled.get(sequence)
        return settlement?._tag === 'Recorded' ? settlement.error._tag : (settlement?._tag ?? 'open')
      }
      return {
        ...{ made, stored, emptied, transactions, stop: action.stop },
        ends: made.map(({ row }) => fateOf(row.sequence)),
        studyOf: (index: number): string =>
          studyKeyText(made[index]?.row.key ?? { partition: '', studyInstanceUid: '' }),
      }
    }
    if (steps > 5_000) throw new Error('it does not come to an end')
    state = evolve(state, perform(action))
  }
}
