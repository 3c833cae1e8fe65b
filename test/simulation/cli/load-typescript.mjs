import { existsSync, readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { transformSync } from '@swc/core'

/** A mutant of the product: texts of its files, replaced before they are compiled. */
export const planting = (edits) => (path, text) =>
  edits
    .filter(({ file }) => path.replaceAll('\\', '/').endsWith(`/${file}`))
    .reduce((changed, { from, to }) => changed.replace(from, () => to), text)

/**
 * Lets this process require TypeScript as it stands, without a build. `change` may turn the text of a file into
 * another one before it is compiled: that is how a fault is planted in the product.
 */
export const loadTypeScript = (change = (_path, text) => text) => {
  registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier.startsWith('.') && context.parentURL !== undefined) {
        const url = new URL(`${specifier}.ts`, context.parentURL)
        if (existsSync(url)) return { url: url.href, format: 'commonjs', shortCircuit: true }
      }
      return next(specifier, context)
    },
    load: (url, context, next) => {
      if (!url.endsWith('.ts')) return next(url, context)
      const path = fileURLToPath(url)
      const { code } = transformSync(change(path, readFileSync(path, 'utf8')), {
        filename: path,
        sourceMaps: 'inline',
        jsc: { target: 'es2022', parser: { syntax: 'typescript' } },
        module: { type: 'commonjs' },
      })
      return { format: 'commonjs', source: code, shortCircuit: true }
    },
  })
}
