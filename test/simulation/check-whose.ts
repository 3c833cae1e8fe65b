import type { ImagingStudy } from 'fhir/r4'
import { nameOf } from './causes'
import { type Stage, patientIdOf } from './check-study'
import { type Row, keyText, studyText } from './feed-model'
import { isNote } from './notes'
import { type ExpectedStudy, isUnknowable, personText } from './reference'

type Statement = readonly [Row, ...Array<Row>]

const statementsOf = (rows: ReadonlyArray<Row>): ReadonlyArray<Statement> => {
  const statements: Array<[Row, ...Array<Row>]> = []
  for (const row of rows) {
    const last = statements.at(-1)
    const isSame = row.action === 'Update' && last?.[0].action === 'Update' && last[0].timestamp === row.timestamp
    if (last !== undefined && isSame) last.push(row)
    else statements.push([row])
  }
  return statements
}

/**
 * Whose a study is for every cut of its rows: theirs on whom all its images agreed last. Who is at odds with them came after
 * that, and by Creates alone. None: it is not as simple.
 */
export const agreedOn = (rows: ReadonlyArray<Row>): string | undefined => {
  const now = new Map<Row['image'], string>()
  let [sole, isAtOdds]: [string | undefined, boolean] = [undefined, false]
  for (const statement of statementsOf(rows)) {
    for (const { image, tags, late } of statement) {
      if (late || tags === undefined || isUnknowable(tags)) return undefined
      now.set(image, tags.patientId)
    }
    const all = [...new Set(now.values())]
    const moves = statement[0].action === 'Update'
    if (moves && (isAtOdds || all.length > 1)) return undefined
    if (moves || sole === undefined) sole = all[0]
    isAtOdds ||= all.length > 1
  }
  return sole
}

/** Nothing but the feed has a say on whose it is. */
const isUndisturbed = ({ services, causes, listed }: Stage, study: ExpectedStudy, found: ImagingStudy): boolean => {
  const { feed, fhir, storage, forbidden } = services
  const { others } = fhir
  const name = nameOf(study)
  const isHeld = study.upserts.every(
    ({ image, tags }) =>
      !others.taken.has(image.key.instance) &&
      !listed.has(keyText(image.key)) &&
      !others.doubled.has(tags?.patientId ?? '') &&
      !causes.isConfused(tags?.patientId ?? '') &&
      (tags === undefined || !storage.people.has(personText(tags))),
  )
  const isRefused = fhir.account?.refused.has(study.uid) === true || causes.isRefused(study)
  const isRead = !feed.poisoned.has(name) && forbidden?.ever.has(name) !== true
  const isFeeds = isRead && !feed.vanished.has(name) && !feed.shrunk.has(name)
  const isOurs = !others.orphaned.has(`ImagingStudy/${found.id}`) && !others.registered.has(`ImagingStudy/${found.id}`)
  return isHeld && isFeeds && isOurs && !isRefused
}

/** However it was cut: it is the one's on whom its images agreed, with all of them that say so. */
export const checkWhose = (
  stage: Stage,
  study: ExpectedStudy,
  found: ImagingStudy | undefined,
): ReadonlyArray<string> => {
  const { feed, fhir } = stage.services
  const rows = feed.rows.filter(({ image }) => !isNote(image) && studyText(image.key) === nameOf(study))
  const one = agreedOn(rows)
  if (one === undefined || found === undefined || !isUndisturbed(stage, study, found)) return []
  const subject = patientIdOf(fhir.store.get(found.subject.reference ?? ''))
  return [
    ...(subject === one ? [] : [`its subject is ${subject}, and all its images said ${one}`]),
    ...study.images.flatMap(({ row, tags, image }) =>
      tags?.patientId === one && stage.codes.get(row.sequence) === 'PatientMismatch'
        ? [`${image.key.instance} is recorded as another person's, and is the study's`]
        : [],
    ),
  ]
}
