import { setTimeout as sleep } from 'node:timers/promises'

/** Waits for something that another party does, and fails when it never comes about. */
export const until = async (reached: () => boolean, what = 'what was waited for', withinMs = 20_000): Promise<void> => {
  for (let waited = 0; !reached(); waited += 5) {
    if (waited > withinMs) throw new Error(`It did not come about: ${what}`)
    await sleep(5)
  }
}
