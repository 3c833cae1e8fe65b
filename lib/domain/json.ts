type SameText = (left: string, right: string) => boolean
type Members = Readonly<Record<string, unknown>>

const exactly: SameText = () => false

/** Whether two JSON values are the same; a member that is undefined counts as absent. */
export const sameJson = (left: unknown, right: unknown, sameText: SameText = exactly): boolean => {
  if (left === right) return true
  if (typeof left === 'string' && typeof right === 'string') return sameText(left, right)
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  if (Array.isArray(left)) return Array.isArray(right) && sameItems(left, right, sameText)
  return !Array.isArray(right) && sameMembers(left as Members, right as Members, sameText)
}

// Loops, for these two look at every value of every image.
const sameItems = (left: ReadonlyArray<unknown>, right: ReadonlyArray<unknown>, sameText: SameText): boolean => {
  if (left.length !== right.length) return false
  for (let index = 0; index < left.length; index++) {
    if (!sameJson(left[index], right[index], sameText)) return false
  }
  return true
}

const sameMembers = (left: Members, right: Members, sameText: SameText): boolean => {
  let count = 0
  for (const key of Object.keys(left)) {
    if (left[key] === undefined) continue
    count += 1
    if (!sameJson(left[key], right[key], sameText)) return false
  }
  for (const key of Object.keys(right)) if (right[key] !== undefined) count -= 1
  return count === 0
}
