// How jest compiles while a fault is planted: PLANTED holds the edits of a mutant, as JSON.
import { createHash } from 'node:crypto'
import swcJest from '@swc/jest'
import { planting } from './load-typescript.mjs'

const edits = process.env.PLANTED ?? '[]'
const change = planting(JSON.parse(edits))

export default {
  createTransformer: (options) => {
    const swc = swcJest.createTransformer(options)
    return {
      process: (text, path, given) => swc.process(change(path, text), path, given),
      getCacheKey: (text, path, given) =>
        createHash('sha256')
          .update(swc.getCacheKey(text, path, given))
          .update(edits)
          .digest('hex'),
    }
  },
}
