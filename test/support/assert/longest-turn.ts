/** Of this thread: what else the machine does has no part in it. */
const cpu = (): number => {
  const { user, system } = process.threadCpuUsage()
  return user + system
}

const nextTurn = async (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

const longestTurn = async (work: () => Promise<unknown>): Promise<number> => {
  let [longest, last, isOver] = [0, cpu(), false]
  const tick = (): void => {
    const now = cpu()
    longest = Math.max(longest, now - last)
    last = now
    if (!isOver) setImmediate(tick)
  }
  setImmediate(tick)
  await nextTurn()
  await work()
  isOver = true
  await nextTurn()
  return longest
}

/**
 * The longest turn of the event loop meanwhile, in µs of processor time: the least of three times, since a collection of
 * garbage falls into one of them, and not into all.
 */
export const leastLongestTurn = async (work: () => Promise<unknown>): Promise<number> => {
  const found = []
  for (let round = 0; round < 3; round++) found.push(await longestTurn(work))
  return Math.min(...found)
}
