import { pipe } from 'fp-ts/function'
import * as TE from 'fp-ts/TaskEither'
import type { StudyCounts, StudySource } from '../../app/ports-source'
import type { ServiceError } from '../../domain/cast-error'
import { defaultPartition } from '../../domain/dicom/partition'
import { wadoAddress } from '../../domain/fhir/provenance'
import { isRecord, listOf, unexpected } from './answers'
import type { Call } from './authorized'
import { type DicomServiceSettings, reachedRoot } from './dicom-metadata'

const maxIndexBytes = 16 * 1024 * 1024

export type Attributes = Readonly<Record<string, unknown>>

/** Studies by QIDO-RS, each with what the archive returns of it. */
export const readQido =
  (settings: DicomServiceSettings, call: Call) =>
  (query: string): TE.TaskEither<ServiceError, ReadonlyArray<Attributes>> =>
    pipe(
      call({
        ...{ method: 'GET', url: `${wadoAddress(reachedRoot(settings), defaultPartition)}/studies?${query}` },
        ...{ headers: { accept: 'application/dicom+json' }, maxBytes: maxIndexBytes },
      }),
      TE.flatMap((answer): TE.TaskEither<ServiceError, ReadonlyArray<unknown>> => {
        if (answer.status === 204) return TE.right([])
        return answer.status === 200 ? listOf('dicom', answer) : TE.left(unexpected('dicom', answer))
      }),
      TE.map((studies) => studies.filter(isRecord)),
    )

export const valueOf = (attributes: Attributes, tag: string): unknown => {
  const element = attributes[tag]
  const values = isRecord(element) ? element['Value'] : undefined
  return Array.isArray(values) ? (values[0] as unknown) : undefined
}

export const studyUidIn = (attributes: Attributes): string | undefined => {
  const uid = valueOf(attributes, '0020000D')
  return typeof uid === 'string' && /^[\d.]{1,64}$/.test(uid) ? uid : undefined
}

const countIn = (attributes: Attributes, tag: string): number | undefined => {
  const count = Number(valueOf(attributes, tag) ?? NaN)
  return Number.isSafeInteger(count) && count >= 0 ? count : undefined
}

/** How much each of these studies has (0020,1206 and 1208). Its answer is checked: an archive may not know the key. */
export const readCounts = (settings: DicomServiceSettings, call: Call): StudySource['counts'] => {
  const read = readQido(settings, call)
  return (uids) =>
    pipe(
      read(`StudyInstanceUID=${uids.join(',')}&limit=${2 * uids.length}`),
      TE.map((studies) => {
        const counts = new Map<string, StudyCounts>()
        for (const study of studies) {
          const [uid, series, instances] = [studyUidIn(study), countIn(study, '00201206'), countIn(study, '00201208')]
          if (uid === undefined || series === undefined || instances === undefined || !uids.includes(uid)) continue
          counts.set(uid, { series, instances })
        }
        return counts
      }),
    )
}
