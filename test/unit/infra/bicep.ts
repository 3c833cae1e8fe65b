import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Language, type Node, Parser } from 'web-tree-sitter'

// There is no Bicep compiler on npm. tree-sitter checks the syntax; what a compiler says about names is in bicep-names.ts.

export interface BicepFile {
  /** From the repository's root, with slashes. */
  readonly path: string
  readonly root: Node
}

let ready: Promise<Parser> | undefined

const parser = (): Promise<Parser> =>
  (ready ??= (async () => {
    await Parser.init()
    const grammar = await Language.load(readFileSync(require.resolve('tree-sitter-bicep/tree-sitter-bicep.wasm')))
    return new Parser().setLanguage(grammar)
  })())

const parse = async (path: string, text: string): Promise<BicepFile> => {
  const tree = (await parser()).parse(text)
  if (tree === null) throw new Error(`${path} cannot be parsed`)
  return { path, root: tree.rootNode }
}

const read = (repository: string, path: string): Promise<BicepFile> =>
  parse(path, readFileSync(join(repository, path), 'utf8'))

/** All of infra/, main.bicep first. */
export const readBicep = async (repository: string): Promise<ReadonlyArray<BicepFile>> => {
  const modules = readdirSync(join(repository, 'infra', 'modules')).filter((file) => file.endsWith('.bicep'))
  return Promise.all(
    ['infra/main.bicep', ...modules.map((file) => `infra/modules/${file}`)].map((path) => read(repository, path)),
  )
}

/** The grammar knows no parameter files. Theirs differs in one thing: `param x = …` has no type, as `var` has none. */
export const readParameters = (repository: string): Promise<ReadonlyArray<BicepFile>> => {
  const variants = readdirSync(join(repository, 'infra', 'variants')).filter((file) => file.endsWith('.bicepparam'))
  return Promise.all(
    ['infra/main.bicepparam', ...variants.map((file) => `infra/variants/${file}`)].map((path) =>
      parse(path, readFileSync(join(repository, path), 'utf8').replace(/^param /gm, 'var ')),
    ),
  )
}

export const nodesOf = (node: Node, ...types: ReadonlyArray<string>): ReadonlyArray<Node> =>
  node.descendantsOfType([...types]).filter((each) => each !== null)

export const childrenOf = (node: Node): ReadonlyArray<Node> => node.namedChildren.filter((each) => each !== null)

export const at = ({ path }: BicepFile, node: Node): string => `${path}:${node.startPosition.row + 1}`

/** The text of a string without interpolation. */
export const literal = (node: Node): string => node.text.replace(/^'|'$/g, '').replaceAll("\\'", "'")

/** The name that a declaration declares. */
export const declared = (declaration: Node): string => childrenOf(declaration).find(isName)?.text ?? ''

const isName = (node: Node): boolean => node.type === 'identifier'

/** What a declaration is given: the default of a parameter, the value of a variable or output, the body of a module. */
export const valueOf = (declaration: Node): Node | undefined =>
  childrenOf(declaration)
    .slice(1)
    .findLast((child) => child.type !== 'type')

export const propertiesOf = (object: Node): ReadonlyMap<string, Node> =>
  new Map(
    childrenOf(object)
      .filter(({ type }) => type === 'object_property')
      .flatMap((property): ReadonlyArray<readonly [string, Node]> => {
        const [key, value] = childrenOf(property)
        return key === undefined || value === undefined ? [] : [[literal(key), value]]
      }),
  )

export const syntaxProblems = (files: ReadonlyArray<BicepFile>): ReadonlyArray<string> =>
  files.flatMap((file) => {
    if (!file.root.hasError) return []
    const wrong = file.root.descendantsOfType('ERROR').filter((node) => node !== null)
    const missing = nodesOf(file.root, ...new Set(childrenOf(file.root).map(({ type }) => type))).filter(
      ({ isMissing }) => isMissing,
    )
    const [first] = [...wrong, ...missing]
    return [`${first === undefined ? file.path : at(file, first)}: syntax error`]
  })
