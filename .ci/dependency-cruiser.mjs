const packages = (...names) => names.map((name) => `node_modules/${name}/`)
const fpTs = packages('fp-ts')
const domainPackages = packages('fp-ts', 'io-ts', '@types/fhir')

// What the edges use: the composition, the codecs of requests and settings, and what is about the process itself.
const forTheEdges = ['^lib/(composition|requests|config)/', '^lib/adapters/(heap|log)\\.ts$']

/** `from` may import only what matches one of `to`. */
const only = (name, from, to, fromNot) => ({
  name,
  severity: 'error',
  from: { path: from, ...(fromNot === undefined ? {} : { pathNot: fromNot }) },
  to: { pathNot: to },
})
const never = (name, from, to) => ({ name, severity: 'error', from: { path: from }, to: { path: to } })

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-unresolved',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: 'functions-core|^fhir/' },
    },
    only('functions-use-the-composition', '^functions/', [
      '^functions/',
      ...forTheEdges,
      'node_modules/@azure/functions/',
    ]),
    only('adapters', '^lib/adapters/', [
      '^lib/adapters/',
      '^lib/app/ports',
      '^lib/domain/',
      '^fhir/',
      'node_modules/',
      '^(node:)?[a-z0-9_/]+$',
    ]),
    only('app', '^lib/app/', ['^lib/app/', '^lib/domain/', '^fhir/', ...fpTs]),
    // Data flows feed → cast → run → operate → source → backfill: a room uses the rooms before it, and nothing runs back up.
    never('app-ground', '^lib/app/[^/]+$', '^lib/app/(feed|cast|run|operate|source|backfill)/'),
    never('app-feed-comes-first', '^lib/app/feed/', '^lib/app/(cast|run|operate|source|backfill)/'),
    never('app-cast-before-run', '^lib/app/cast/', '^lib/app/(run|operate|source|backfill)/'),
    never('app-run-before-operate', '^lib/app/run/', '^lib/app/(operate|source|backfill)/'),
    never('app-operate-before-both', '^lib/app/operate/', '^lib/app/(source|backfill)/'),
    never('app-source-knows-no-backfill', '^lib/app/source/', '^lib/app/backfill/'),
    never('app-backfill-knows-no-source', '^lib/app/backfill/', '^lib/app/source/'),
    only('domain', '^lib/domain/', ['^lib/domain/', ...domainPackages, '^(node:)?(util|crypto)$', '^fhir/']),
    never('dicom-and-fhir-meet-in-mapping-and-batch', '^lib/domain/dicom/', '^lib/domain/(fhir|mapping|batch)/'),
    never('fhir-and-dicom-meet-in-mapping-and-batch', '^lib/domain/fhir/', '^lib/domain/(dicom|mapping|batch)/'),
    // The table of docs/mapping.md prints the rules of both.
    never('mapping-before-dose', '^lib/domain/mapping/(?!table)[^/]+$', '^lib/domain/mapping/dose/'),
    never('mapping-before-batch', '^lib/domain/mapping/', '^lib/domain/batch/'),
    never('storage-and-http-stand-apart', '^lib/adapters/storage/', '^lib/adapters/http/'),
    never('http-and-storage-stand-apart', '^lib/adapters/http/', '^lib/adapters/storage/'),
    only('cli', '^cli/', ['^cli/', ...forTheEdges, 'node_modules/', '^(node:)?[a-z0-9_/]+$'], '^cli/(local|serve)'),
    only('cli-local', '^cli/(local|serve)', [
      '^cli/',
      '^local/',
      ...forTheEdges,
      'node_modules/',
      '^(node:)?[a-z0-9_/]+$',
    ]),
    only('requests', '^lib/requests/', ['^lib/requests/', '^lib/app/', '^lib/domain/', ...packages('fp-ts', 'io-ts')]),
    only('config', '^lib/config/', ['^lib/config/', '^lib/domain/', ...packages('fp-ts', 'io-ts', 'croner')]),
    never('lib-stands-alone', '^lib/', '^(local|test|cli|functions)/'),
    never('only-cli-starts-the-local-stack', '^functions/', '^(local|test|cli)/'),
    never('nothing-imports-tests', '^(functions|lib|cli|local)/', '^test/'),
  ],
}
