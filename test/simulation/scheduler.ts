interface Event {
  readonly time: number
  readonly order: number
  readonly action: () => void
}

/** Virtual time and the one place where anything waits: of all that could happen next, the earliest does. */
export interface Scheduler {
  readonly now: () => number
  readonly after: (ms: number, action: () => void) => void
  /** Lets things happen until `done`, or until nothing is left, or the time is `until`. */
  readonly run: (done: () => boolean, until?: number) => Promise<void>
}

const isBefore = (left: Event, right: Event): boolean =>
  left.time < right.time || (left.time === right.time && left.order < right.order)

const push = (heap: Array<Event>, event: Event): void => {
  let index = heap.push(event) - 1
  while (index > 0) {
    const parent = (index - 1) >> 1
    const above = heap[parent]
    if (above === undefined || isBefore(above, event)) break
    heap[index] = above
    index = parent
  }
  heap[index] = event
}

const pop = (heap: Array<Event>): Event | undefined => {
  const [first] = heap
  const last = heap.pop()
  if (first === undefined || last === undefined || heap.length === 0) return first
  let index = 0
  for (;;) {
    let [child, least] = [2 * index + 1, heap[2 * index + 1]]
    const right = heap[child + 1]
    if (right !== undefined && least !== undefined && isBefore(right, least)) [child, least] = [child + 1, right]
    if (least === undefined || !isBefore(least, last)) break
    heap[index] = least
    index = child
  }
  heap[index] = last
  return first
}

/** Until every promise that could go on has gone on, and all of the app waits for the scheduler again. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export const makeScheduler = (start: number): Scheduler => {
  const heap: Array<Event> = []
  let [now, order] = [start, 0]
  return {
    now: () => now,
    after: (ms, action) => push(heap, { time: now + Math.max(0, ms), order: order++, action }),
    run: async (done, until = Infinity) => {
      await settled()
      while (!done()) {
        const [next] = heap
        if (next === undefined || next.time > until) {
          if (until < Infinity) now = Math.max(now, until)
          return
        }
        pop(heap)
        now = Math.max(now, next.time)
        next.action()
        await settled()
      }
    },
  }
}
