import { afterAll, beforeAll } from '@jest/globals'
import { startAzurite, type Azurite } from '../../../local/azurite'

/** One Azurite for the tests of a file. Each test takes tables or containers of its own, by prefix. */
export const useAzurite = (): (() => Azurite) => {
  let azurite: Azurite | undefined
  beforeAll(async () => {
    azurite = await startAzurite()
  }, 30_000)
  afterAll(async () => {
    await azurite?.close()
  })
  return () => {
    if (azurite === undefined) throw new Error('Azurite is started by beforeAll: ask for it inside a test.')
    return azurite
  }
}
