import { createRequire } from 'node:module'
import { loadTypeScript } from '../../simulation/cli/load-typescript.mjs'

loadTypeScript()
createRequire(import.meta.url)('../services.ts')
