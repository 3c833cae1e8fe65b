type Leaf = readonly [path: string, value: string]

/** Every value with the path of its element; of a list, the place is told where there are several. */
export const leavesOf = (value: unknown, path = ''): ReadonlyArray<Leaf> => {
  if (Array.isArray(value)) {
    return value.flatMap((each, index) => leavesOf(each, value.length === 1 ? path : `${path}[${index}]`))
  }
  if (typeof value !== 'object' || value === null) return [[path, String(value)]]
  return Object.entries(value).flatMap(([name, each]) => leavesOf(each, path === '' ? name : `${path}.${name}`))
}
