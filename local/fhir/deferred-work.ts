/** Work that is done after its answer. Closing does it at once. */
export const createDeferredWork = () => {
  const pending = new Map<NodeJS.Timeout, () => void>()
  let waiting: Array<() => void> = []
  const run = (timer: NodeJS.Timeout): void => {
    const task = pending.get(timer)
    clearTimeout(timer)
    pending.delete(timer)
    task?.()
    if (pending.size > 0) return
    for (const resolve of waiting.splice(0)) resolve()
  }
  return {
    later: (delayMs: number, task: () => void): void => {
      const timer: NodeJS.Timeout = setTimeout(() => run(timer), delayMs)
      pending.set(timer, task)
    },
    settled: (): Promise<void> =>
      new Promise((resolve) => (pending.size === 0 ? resolve() : (waiting = [...waiting, resolve]))),
    flush: (): void => [...pending.keys()].forEach(run),
  }
}
