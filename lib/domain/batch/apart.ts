import type { LiveRow } from './judge'

/** What every server that compares loosely leaves of an identifier's value; none when nobody can say. */
const folded = (value: string): string | undefined =>
  /^[\w .:/-]*$/.test(value) ? value.toLowerCase().replace(/[^0-9a-z]/g, '') : undefined

/** Folded values of the Patients that the rows name, whatever their systems. */
const peopleIn = (rows: ReadonlyArray<LiveRow>): ReadonlySet<string | undefined> => {
  // The rows of a series have one in common.
  const identities = new Set(rows.flatMap((row) => (row._tag === 'Upsert' ? [row.identity] : [])))
  return new Set([...identities].map(({ value }) => folded(value)))
}

const studiesIn = (rows: ReadonlyArray<LiveRow>): ReadonlySet<string> =>
  new Set(rows.map(({ key }) => key.studyInstanceUid))

const share = (left: ReadonlySet<unknown>, right: ReadonlySet<unknown>): boolean =>
  [...left].some((each) => right.has(each))

/** Whether nothing that is created for these rows can be found where those of the next batch are looked up. */
export const areApart = (rows: ReadonlyArray<LiveRow>, next: ReadonlyArray<LiveRow>): boolean => {
  const [people, others] = [peopleIn(rows), peopleIn(next)]
  const isAnybody = people.has(undefined) || others.has(undefined)
  if (isAnybody && people.size > 0 && others.size > 0) return false
  return !share(people, others) && !share(studiesIn(rows), studiesIn(next))
}
