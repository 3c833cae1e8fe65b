import { userInfo } from 'node:os'

/** Who is at the terminal, for the run history. */
export const userName = (): string => {
  try {
    return userInfo().username
  } catch {
    // A container's user may have no name.
    return 'command line'
  }
}
