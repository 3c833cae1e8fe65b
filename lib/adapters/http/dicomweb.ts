import { pipe } from 'fp-ts/function'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import type { ListedStudy, StudySource } from '../../app/ports-source'
import { digestOf } from '../../domain/digest'
import type { Call } from './authorized'
import type { DicomServiceSettings } from './dicom-metadata'
import { type Attributes, readQido, studyUidIn, valueOf } from './qido'

// Any archive with QIDO-RS and WADO-RS: its list of studies is all that tells of a change.

/** Without these the list tells too little of a study: another patient, or fewer instances, would not be seen. */
const wanted = ['00100020', '00201206', '00201208']

/** A server that does not count returns the element without a value. */
const isGiven =
  (attributes: Attributes) =>
  (tag: string): boolean => {
    const value = valueOf(attributes, tag)
    return value !== undefined && value !== null && value !== ''
  }

const compared = [
  ...wanted,
  ...['00100010', '00100030', '00100040', '00080050', '00080020', '00080030', '00080061'],
  // Study Update DateTime, and dcm4chee's own.
  ...['0008041F', '77771021'],
]

/** A digest, because names and numbers of patients are among it. */
const listedOf = (attributes: Attributes): ReadonlyArray<ListedStudy> => {
  const studyInstanceUid = studyUidIn(attributes)
  if (studyInstanceUid === undefined) return []
  const isComparable = wanted.every(isGiven(attributes))
  const texts = compared.map((tag) => JSON.stringify(attributes[tag]))
  const state = isComparable ? digestOf([studyInstanceUid, ...texts]).slice(0, 16) : undefined
  return [{ id: studyInstanceUid, studyInstanceUid, state }]
}

export const dicomwebSource = (settings: DicomServiceSettings, call: Call): StudySource => {
  const read = readQido(settings, call)
  return {
    kind: 'dicomweb',
    pageSize: 200,
    list: (offset, limit) => pipe(read(`limit=${limit}&offset=${offset}`), TE.map(RA.chain(listedOf))),
    totals: () => TE.right(O.none),
    copies: (uid) =>
      pipe(
        read(`StudyInstanceUID=${uid}&limit=2`),
        // An archive may not know the key, and answer with any.
        TE.map((studies) => studies.filter((study) => studyUidIn(study) === uid).length),
      ),
    counts: () => TE.right(new Map()),
    countsAtOnce: 0,
  }
}
