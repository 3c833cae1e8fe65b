const { NODE_COMPILE_CACHE } = process.env

/** For the environment of a process: `npm test` starts a thousand, and each would compile the same files again. */
export const compileCache: Readonly<Record<string, string>> =
  NODE_COMPILE_CACHE === undefined ? {} : { NODE_COMPILE_CACHE }
