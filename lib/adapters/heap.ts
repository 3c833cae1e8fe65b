import { setFlagsFromString } from 'node:v8'

/**
 * V8 lets the young generation of its heap grow when much passes through it, and keeps it. Pages do nothing but pass
 * through: a third of the process would be memory that stands by, for no speed (docs/adr/0004-speed.md has the numbers).
 * V8 reads this whenever it would grow, so it may be said at any time.
 */
export const keepYoungGenerationSmall = (): void => setFlagsFromString('--semi-space-growth-factor=1')
