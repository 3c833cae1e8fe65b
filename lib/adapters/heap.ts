import { setFlagsFromString } from 'node:v8'

/**
 * V8 lets its heap grow when much passes through it. Pages do nothing but pass through: half of the process would be memory
 * that stands by, for little speed (docs/adr/0004-speed.md has the numbers). The young generation stays as large as it
 * became while the app was loaded, and the old one may grow to twice what lived when it was last collected. V8 reads both
 * whenever it would grow, so they may be said at any time.
 */
export const keepHeapSmall = (): void => setFlagsFromString('--semi-space-growth-factor=1 --heap-growing-percent=100')
