import type { HumanName, Patient } from 'fhir/r4'

/** What stands for a value that nobody knows. */
export interface Unknowns {
  /** As FHIR writes dates. */
  readonly placeholderBirthDates: ReadonlySet<string>
  /** Patterns of a family name or a whole name; `*` is any text. */
  readonly aliasNames: ReadonlyArray<string>
}

/** `today`: YYYY-MM-DD; without it no day is in the future. */
export interface Judging extends Unknowns {
  readonly today: string | undefined
}

const umlauts: ReadonlyMap<string, string> = new Map([
  ['\u00e4', 'ae'],
  ['\u00f6', 'oe'],
  ['\u00fc', 'ue'],
])

const bare = (text: string): string =>
  text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\u00df/g, 'ss')
    .replace(/[\p{M}\p{Pd}\s'\u2018\u2019\u02bc\u00b4`]/gu, '')

/** Both ways of writing a name without its marks: Mueller and Muller are M\u00fcller. */
const spellings = (text: string): ReadonlyArray<string> => {
  const lower = text.normalize('NFC').toLowerCase()
  return [bare(lower), bare(lower.replace(/[\u00e4\u00f6\u00fc]/g, (letter) => umlauts.get(letter) ?? letter))].filter(
    (each) => each !== '',
  )
}

const differ = (left: ReadonlyArray<string>, right: ReadonlyArray<string>): boolean => {
  const known = new Set(left)
  return left.length > 0 && right.length > 0 && !right.some((each) => known.has(each))
}

/** In one pass, whatever the pattern: every part between the stars is looked for behind the one before it. */
const meets = (pattern: string, text: string): boolean => {
  const [first = '', ...rest] = pattern.toLowerCase().split('*')
  if (!text.startsWith(first)) return false
  const last = rest.pop()
  if (last === undefined) return text.length === first.length
  let at = first.length
  for (const part of rest) {
    const found = text.indexOf(part, at)
    if (found < 0) return false
    at = found + part.length
  }
  return text.length - last.length >= at && text.endsWith(last)
}

const isAlias =
  ({ aliasNames }: Unknowns) =>
  ({ family, text, given = [] }: HumanName): boolean => {
    const [name, whole] = [family ?? text ?? '', [family ?? '', ...given].join(' ')].map((each) =>
      each.trim().toLowerCase(),
    )
    return aliasNames.some((pattern) => meets(pattern, name ?? '') || meets(pattern, whole ?? ''))
  }

const knownNames = (unknowns: Unknowns, { name = [] }: Patient): ReadonlyArray<HumanName> =>
  name.filter((each) => !isAlias(unknowns)(each))

const families = (names: ReadonlyArray<HumanName>): ReadonlyArray<string> =>
  names.flatMap(({ family }) => (family === undefined ? [] : spellings(family)))

const firstGivens = (names: ReadonlyArray<HumanName>): ReadonlyArray<string> =>
  names.flatMap(({ given = [] }) => (given[0] === undefined ? [] : spellings(given[0])))

const knownBirthDate = (
  { placeholderBirthDates, today }: Judging,
  { birthDate }: Pick<Patient, 'birthDate'>,
): string | undefined => {
  if (birthDate === undefined || placeholderBirthDates.has(birthDate)) return undefined
  return today !== undefined && birthDate > today.slice(0, birthDate.length) ? undefined : birthDate
}

const knownSex = ({ gender }: Patient): 'male' | 'female' | undefined =>
  gender === 'male' || gender === 'female' ? gender : undefined

/**
 * Whether a Patient of FHIR and what an image claims are two people (spec of the guard: docs/identity.md). Of unknown
 * values none speaks for or against.
 */
export const demographicsConflict = (judging: Judging, known: Patient, claimed: Patient): boolean => {
  const [ours, theirs] = [knownNames(judging, known), knownNames(judging, claimed)]
  const [sex, otherSex] = [knownSex(known), knownSex(claimed)]
  const [birth, otherBirth] = [knownBirthDate(judging, known), knownBirthDate(judging, claimed)]
  const familyDiffers = differ(families(ours), families(theirs))
  if (birth === undefined || otherBirth === undefined) {
    return familyDiffers && (sex === undefined || sex !== otherSex)
  }
  // A partial date says nothing beyond itself.
  const sameBirth = birth.startsWith(otherBirth) || otherBirth.startsWith(birth)
  const sexDiffers = sex !== undefined && otherSex !== undefined && sex !== otherSex
  return !sameBirth && (familyDiffers || differ(firstGivens(ours), firstGivens(theirs)) || sexDiffers)
}

/** Fills what is missing; an alias and a placeholder are as good as nothing, as long as there is something better. */
export const fillUnknown = (judging: Judging, before: Patient, fill: (patient: Patient) => Patient): Patient => {
  const { birthDate, name = [], ...rest } = before
  const names = name.filter((each) => each.use !== 'usual' || !isAlias(judging)(each))
  const date = knownBirthDate(judging, { birthDate })
  if (date === birthDate && names.length === name.length) return fill(before)
  const filled = fill({
    ...rest,
    ...(names.length === 0 ? {} : { name: names }),
    ...(date === undefined ? {} : { birthDate: date }),
  })
  const isNamed = (filled.name ?? []).some(({ use }) => use === 'usual')
  const filledDate = filled.birthDate ?? birthDate
  return {
    ...filled,
    ...(isNamed || name.length === 0 ? {} : { name }),
    ...(filledDate === undefined ? {} : { birthDate: filledDate }),
  }
}

/** Aliases and placeholders never take the place of a value that is known. */
export const keepKnown = (judging: Judging, before: Patient, after: Patient): Patient => {
  const isDateLost =
    after.birthDate !== undefined &&
    after.birthDate !== before.birthDate &&
    knownBirthDate(judging, after) === undefined &&
    knownBirthDate(judging, before) !== undefined
  const isNameLost =
    after.name !== before.name &&
    (after.name ?? []).some((each) => each.use === 'usual' && isAlias(judging)(each)) &&
    (before.name ?? []).some((each) => each.use === 'usual' && !isAlias(judging)(each))
  if (!isDateLost && !isNameLost) return after
  return {
    ...after,
    ...(isDateLost && before.birthDate !== undefined ? { birthDate: before.birthDate } : {}),
    ...(isNameLost && before.name !== undefined ? { name: before.name } : {}),
  }
}
