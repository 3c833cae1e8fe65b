import { jest } from '@jest/globals'

// HAPI reads all of R4's definitions at its first write, on whatever machine it shares.
jest.setTimeout(300_000)
