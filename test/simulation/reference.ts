import { type Action, type Feed, type Image, type Row, type Tags, studyText } from './feed-model'
import { isNote, withdrawals } from './notes'

/**
 * What FHIR must hold, told from the feed alone and without a line of the product: the last row of each image says
 * whether it is there and what it says of itself.
 */
export interface ExpectedImage {
  readonly image: Image
  readonly row: Row
  readonly action: Action
  /** None when it is deleted, or a note has withdrawn it. */
  readonly tags: Tags | undefined
  /** All that it ever said, oldest first. */
  readonly said: ReadonlyArray<Tags>
  /** An older row could have been stored before this one failed. */
  readonly older: boolean
  /** A note lists it that cannot be read: it may be withdrawn or not. */
  readonly isDoubtful: boolean
}

export interface ExpectedStudy {
  readonly partition: string
  readonly uid: string
  readonly images: ReadonlyArray<ExpectedImage>
  /** Every row that ever brought values, by sequence. */
  readonly upserts: ReadonlyArray<Row>
}

export const foldFeed = (feed: Feed, hidesForQuality = false): ReadonlyMap<string, ExpectedStudy> => {
  const { isHidden, isDoubtful } = withdrawals(feed, hidesForQuality)
  const studies = new Map<string, { images: Map<Image, Array<Row>>; upserts: Array<Row>; first: Row }>()
  for (const row of feed.rows) {
    if (isNote(row.image)) continue
    const name = studyText(row.image.key)
    const study = studies.get(name) ?? { images: new Map<Image, Array<Row>>(), upserts: [], first: row }
    studies.set(name, study)
    study.images.set(row.image, [...(study.images.get(row.image) ?? []), row])
    if (row.tags !== undefined) study.upserts.push(row)
  }
  return new Map(
    [...studies].map(([name, { images, upserts, first }]) => [
      name,
      {
        partition: first.image.key.partition,
        uid: first.image.key.study,
        upserts,
        images: [...images].flatMap(([image, own]): ReadonlyArray<ExpectedImage> => {
          const row = own.at(-1)
          if (row === undefined) return []
          const said = own.flatMap(({ tags }) => (tags === undefined ? [] : [tags]))
          const older = own.slice(0, -1).some(({ tags }) => tags !== undefined)
          // Its metadata are of now: one that got other UIDs is gone without a row.
          const tags = image.tags === undefined || isHidden(image.key) ? undefined : row.tags
          return [{ image, row, action: row.action, tags, said, older, isDoubtful: isDoubtful(image.key) }]
        }),
      },
    ]),
  )
}

const familyOf = (patientId: string): string => `Family ${patientId}`

/** Somebody whom the hospital knew before, and whose name nobody in the DICOM service may change. */
export const known = { patientId: 'P5', family: familyOf('P5'), given: 'Eve', birthDate: '19500101' }

/** Nobody can say whose it is: it names nobody, or one person's PatientID beside another's name and birth date. */
export const isUnknowable = ({ patientId, family }: Tags): boolean =>
  patientId === '' || (patientId === known.patientId && family !== known.family)

/** An Update that corrects the study's own Patient is not guarded: of an image that was the known person's, it may be one. */
export const wasKnowns = ({ rows }: Image): boolean =>
  rows.some(({ tags }) => tags?.patientId === known.patientId && !isUnknowable(tags))

/** PatientIDs that the server takes for another one of this feed. */
export const confusedIn = (
  { rows }: Pick<Feed, 'rows'>,
  { confuses }: { readonly confuses: (left: string, right: string) => boolean },
): ReadonlySet<string> => {
  const all = [...new Set(rows.flatMap(({ tags }) => (tags === undefined ? [] : [tags.patientId])))]
  return new Set(all.filter((each) => all.some((other) => confuses(each, other))))
}

/** What an image says of the person. */
export const personText = ({ patientId, family, given, birthDate = '' }: Tags): string =>
  [patientId, family, given, birthDate].join(' ')

/** What the images of a study say now about whose it is, those left out that cannot say it. */
export const claimsOf = ({ images }: ExpectedStudy): ReadonlySet<string> =>
  new Set(images.flatMap(({ tags }) => (tags === undefined || tags.patientId === '' ? [] : [tags.patientId])))

/** Of rows in feed order the newest that has a value; none when no row has one. */
export const newest = <A>(rows: ReadonlyArray<Row>, value: (tags: Tags) => A | undefined): A | undefined => {
  const values = rows.flatMap(({ tags }) => (tags === undefined ? [] : [value(tags)]))
  return values.filter((each) => each !== undefined).at(-1)
}
