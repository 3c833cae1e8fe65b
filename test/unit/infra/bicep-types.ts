import { posix } from 'node:path'
import type { Node } from 'web-tree-sitter'
import { at, type BicepFile, childrenOf, declared, literal, nodesOf, valueOf } from './bicep'
import { declarations } from './bicep-names'

// What the compiler would say about types, and what it leaves to us: nothing is just an object or an array.

const typeOf = (parameter: Node): Node | undefined => childrenOf(parameter).find(({ type }) => type === 'type')

/** The types that a file exports: `@export()` stands before them. */
const exportedTypes = ({ root }: BicepFile): ReadonlyArray<string> =>
  childrenOf(root).flatMap((node, index, all) =>
    node.type === 'type_declaration' && all[index - 1]?.text.includes('@export()') ? [declared(node)] : [],
  )

const importProblems = (file: BicepFile, files: ReadonlyArray<BicepFile>): ReadonlyArray<string> =>
  childrenOf(file.root)
    .filter(({ type }) => type === 'import_functionality')
    .flatMap((node) => {
      const names = childrenOf(node).filter(({ type }) => type === 'identifier')
      const from = childrenOf(node).find(({ type }) => type === 'string')
      const path = posix.join(posix.dirname(file.path), literal(from ?? node))
      const target = files.find((each) => each.path === path)
      if (target === undefined) return [`${at(file, node)}: there is no ${path}`]
      const exported = exportedTypes(target)
      return names
        .filter(({ text }) => !exported.includes(text))
        .map(({ text }) => `${at(file, node)}: ${path} exports no ${text}`)
    })

export const typeProblems = (files: ReadonlyArray<BicepFile>): ReadonlyArray<string> =>
  files.flatMap((file) => {
    const imported = childrenOf(file.root)
      .filter(({ type }) => type === 'import_functionality')
      .flatMap((node) => childrenOf(node).filter(({ type }) => type === 'identifier'))
      .map(({ text }) => text)
    const known = new Set([...imported, ...declarations(file, 'type').map(declared)])
    const named = nodesOf(file.root, 'type').flatMap((type) =>
      childrenOf(type).filter((each) => each.type === 'identifier'),
    )
    return [
      ...importProblems(file, files),
      ...named.filter(({ text }) => !known.has(text)).map((node) => `${at(file, node)}: there is no type ${node.text}`),
      ...imported
        .filter((name) => !named.some(({ text }) => text === name))
        .map((name) => `${file.path}: ${name} is imported and never used`),
      ...declarations(file, 'parameter')
        .filter((parameter) => /^(object|array)$/.test(typeOf(parameter)?.text ?? ''))
        .map((parameter) => `${at(file, parameter)}: ${declared(parameter)} may hold anything`),
    ]
  })

/** What a literal is; `undefined` for an expression, which only the compiler can tell. */
const kindOf = (value: Node | undefined): string | undefined =>
  ({ string: 'string', boolean: 'bool', number: 'int', array: 'array', object: 'object' })[value?.type ?? '']

const wantedKind = (parameter: Node): string => {
  const text = typeOf(parameter)?.text ?? ''
  return text.endsWith('[]') ? 'array' : ['string', 'bool', 'int'].includes(text) ? text : 'object'
}

const allowedFor = (main: BicepFile, parameter: Node): ReadonlyArray<string> | undefined => {
  const all = childrenOf(main.root)
  const before = all[all.findIndex(({ id }) => id === parameter.id) - 1]
  const [, list] = /@allowed\(\[([^\]]*)\]\)/.exec(before?.text ?? '') ?? []
  return list?.split(',').map((each) => each.trim().replaceAll("'", ''))
}

/** A parameter file is for main.bicep, sets what exists to what it may be, and sets all that has no default. */
export const parameterFileProblems = (file: BicepFile, main: BicepFile): ReadonlyArray<string> => {
  const parameters = declarations(main, 'parameter')
  const given = declarations(file, 'variable')
  const required = parameters.filter((each) => valueOf(each) === undefined).map(declared)
  const using = childrenOf(file.root).find(({ type }) => type === 'using_statement')
  const target = posix.join(posix.dirname(file.path), literal(using?.namedChildren[0] ?? file.root))
  return [
    ...(target === main.path ? [] : [`${file.path}: it is for ${target}`]),
    ...required
      .filter((name) => !given.some((each) => declared(each) === name))
      .map((name) => `${file.path}: ${name} is not given`),
    ...given.flatMap((each) => {
      const name = declared(each)
      const parameter = parameters.find((other) => declared(other) === name)
      if (parameter === undefined) return [`${file.path}: main.bicep has no parameter ${name}`]
      const value = valueOf(each)
      const kind = kindOf(value)
      const allowed = allowedFor(main, parameter)
      if (kind === undefined || value === undefined) return []
      if (kind !== wantedKind(parameter)) return [`${at(file, each)}: ${name} is no ${wantedKind(parameter)}`]
      return allowed === undefined || allowed.includes(literal(value))
        ? []
        : [`${at(file, each)}: ${name} may not be that`]
    }),
  ]
}

/** Each refusal of main.bicep is tried by a variant, and each variant that says so is refused by main.bicep. */
export const refusalProblems = (main: BicepFile, variants: ReadonlyArray<BicepFile>): ReadonlyArray<string> => {
  const refusals = [...main.root.text.matchAll(/fail\('([^']*)'\)/g)].map(([, words = '']) => words)
  const tried = variants.flatMap(({ root }) => /^\/\/ Refused: (.*)$/m.exec(root.text)?.[1] ?? [])
  return [
    ...refusals
      // Which cloud it is, no variant can say.
      .filter((words) => !words.includes('${cloudName}') && !tried.some((each) => words.startsWith(each)))
      .map((words) => `infra/variants: nothing tries ${words}`),
    ...tried
      .filter((each) => !refusals.some((words) => words.startsWith(each)))
      .map((each) => `infra/main.bicep: it does not say ${each}`),
  ]
}

/** The four that a deployment is predicted for, before it is previewed. */
export const variantProblems = (variants: ReadonlyArray<BicepFile>): ReadonlyArray<string> =>
  ['existing', 'new', 'private', 'taken-over']
    .map((name) => `infra/variants/${name}.bicepparam`)
    .filter((path) => !variants.some((each) => each.path === path))
    .map((path) => `there is no ${path}`)
