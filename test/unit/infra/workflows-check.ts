import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { text, unless } from './delivery-check'

type Texts = Readonly<Record<string, string>>

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
  readonly env?: Texts
}
interface Job {
  readonly environment?: string
  readonly permissions?: Texts
  readonly strategy?: { readonly matrix?: Readonly<Record<string, ReadonlyArray<unknown>>> }
  readonly env?: Texts
  readonly steps: ReadonlyArray<Step>
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions?: Texts
  readonly jobs: Readonly<Record<string, Job>>
}

const folder = '.github/workflows'

const said = ({ uses = '', run = '' }: Step): string => `${uses} ${run}`
/** Which of these a job does not do, or does before the one that must come first. */
const missing = ({ steps }: Job, wanted: ReadonlyArray<string>): string | undefined => {
  const all = steps.map(said).join('\n')
  let from = 0
  return wanted.find((each) => {
    const found = all.indexOf(each, from)
    from = found + each.length
    return found < 0
  })
}

const isPinned = (line: string): boolean => /^uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/.test(line)

/** What holds for every workflow, whatever it is for. */
const habits = (file: string, source: string, { permissions, jobs }: Workflow): ReadonlyArray<string> => [
  ...unless(JSON.stringify(permissions) === '{}', `${file}: every job has permissions`),
  ...unless(!/\bsecrets\./.test(source), `${file}: a secret is read`),
  ...[...source.matchAll(/uses: .*/g)].flatMap(([line]) => unless(isPinned(line), `${file}: not pinned: ${line}`)),
  ...Object.entries(jobs).flatMap(([name, job]) => [
    ...unless(job.permissions !== undefined, `${file}: ${name} does not say what it may`),
    ...job.steps.flatMap((step) => [
      ...unless(!step.run?.includes('${{'), `${file}: ${name} puts an expression into a script`),
      ...unless(
        !step.uses?.startsWith('actions/checkout@') || step.with?.['persist-credentials'] === false,
        `${file}: ${name} leaves a token beside the sources`,
      ),
    ]),
    // Sources, packages of others and tests run only where nobody can sign in and nothing can be written.
    ...unless(
      !job.steps.some((step) => /actions\/checkout@|\bnpm |\bnode /.test(said(step))) ||
        Object.keys(job.permissions ?? {}).every((each) => ['contents', 'actions', 'security-events'].includes(each)),
      `${file}: ${name} runs what it built, and may sign in`,
    ),
    ...unless(
      job.permissions?.['contents'] !== 'write' || job.environment !== undefined,
      `${file}: ${name} writes, and nobody is asked`,
    ),
    ...unless(
      job.permissions?.['id-token'] === undefined || takesByDigest(job),
      `${file}: ${name} does not look at the digest of what it takes`,
    ),
  ]),
]

/** First the artifact of the build by its id, then its digest; only then anything else. */
const takesByDigest = ({ steps: [download, check] }: Job): boolean =>
  download?.uses?.startsWith('actions/download-artifact@') === true &&
  download.with?.['artifact-ids'] === '${{ needs.build.outputs.artifact }}' &&
  download.with?.['digest-mismatch'] === 'error' &&
  check?.env?.['DIGEST'] === '${{ needs.build.outputs.digest }}' &&
  /^sha256sum --check --strict <<< "\$DIGEST {2}SHA256SUMS"\nsha256sum --check --strict --quiet SHA256SUMS\n$/.test(
    check.run ?? '',
  )

/** What each job does, in this order: nothing is deployed that was not tested, compiled, and seen by a person. */
const order: Readonly<Record<string, Readonly<Record<string, ReadonlyArray<string>>>>> = {
  'ci.yml': { test: ['node .ci/test.mjs'], delivery: ['node .ci/workflows.mjs', 'node .ci/bicep.mjs'] },
  'deploy.yml': {
    build: ['node .ci/test.mjs', 'node .ci/package.mjs', 'node .ci/bicep.mjs', 'sha256sum', 'actions/upload-artifact@'],
    preview: ['bicep build-params', 'azure/login@', 'az deployment sub what-if', '--validation-level ProviderNoRbac'],
    deploy: ['azure/login@', 'az deployment sub create', 'az functionapp deployment source config-zip'],
  },
  'release.yml': {
    build: [
      'test "$GITHUB_REF_NAME" = "v$(',
      'node .ci/test.mjs',
      'node .ci/package.mjs',
      'npm pack',
      'node .ci/bicep.mjs',
      'dicomcast-functions.cdx.json dist/bicep/main.json',
      'actions/upload-artifact@',
    ],
    publish: ['actions/attest@', 'actions/attest@', 'gh release create "$GITHUB_REF_NAME"'],
  },
  'codeql.yml': { analyze: ['github/codeql-action/init@', 'github/codeql-action/analyze@'] },
  'dependency-review.yml': { review: ['actions/dependency-review-action@'] },
}

const orderProblems = (workflows: ReadonlyMap<string, Workflow>): ReadonlyArray<string> =>
  Object.entries(order).flatMap(([file, jobs]) =>
    Object.entries(jobs).flatMap(([name, wanted]) => {
      const job = workflows.get(file)?.jobs[name]
      if (job === undefined) return [`${file}: no job ${name}`]
      const gap = missing(job, wanted)
      return gap === undefined ? [] : [`${file}: ${name} has no step, or too early: ${gap}`]
    }),
  )

const ciProblems = (test: Job | undefined): ReadonlyArray<string> => [
  ...unless(JSON.stringify(test?.strategy?.matrix?.['node']) === '[22,24]', 'ci.yml: not on Node 22 and 24'),
  ...unless(
    test?.env?.['EXPECTED_NODE_MAJOR'] === '${{ matrix.node }}',
    'ci.yml: a job does not say which Node it wants to run on',
  ),
  ...unless(
    test?.steps.some(({ run }) => run?.includes('process.exit(major === process.env.EXPECTED_NODE_MAJOR ? 0 : 1)')) ===
      true,
    'ci.yml: a job does not look which Node really runs',
  ),
]

const deployProblems = (repository: string, deploy: Workflow | undefined): ReadonlyArray<string> => {
  const { preview, deploy: last } = deploy?.jobs ?? {}
  const logins = [preview, last].flatMap(
    (job) => job?.steps.filter(({ uses }) => uses?.startsWith('azure/login')) ?? [],
  )
  const asked = [...text(repository, 'infra/main.bicepparam').matchAll(/readEnvironmentVariable\('(\w+)'/g)]
  const compiler = text(repository, '.ci/bicep.mjs')
  return [
    ...asked.flatMap(([, name = '']) =>
      unless(preview?.env?.[name]?.startsWith(`\${{ vars.${name} `) === true, `deploy.yml: ${name} is not passed on`),
    ),
    // One environment for both would let the reader's job sign in as the identity that writes.
    ...unless(
      preview?.environment === '${{ inputs.environment }}-preview' && last?.environment === '${{ inputs.environment }}',
      'deploy.yml: preview and deployment share an environment',
    ),
    ...unless(
      last?.steps.some(({ env }) => env?.['PARAMETERS'] === '${{ needs.preview.outputs.parameters }}') === true,
      'deploy.yml: it does not deploy what was previewed',
    ),
    ...unless(
      [preview, last].every((job) => job?.permissions?.['id-token'] === 'write'),
      'deploy.yml: no OpenID Connect token',
    ),
    ...unless(
      logins.length === 2 &&
        logins.every((step) => Object.keys(step.with ?? {}).join() === 'client-id,tenant-id,subscription-id'),
      'deploy.yml: a login by something else than OpenID Connect',
    ),
    ...['build', 'lint', 'build-params', 'format', 'snapshot'].flatMap((command) =>
      unless(compiler.includes(`['${command}',`), `.ci/bicep.mjs: no bicep ${command}`),
    ),
  ]
}

/** What GitHub does by itself: new versions, and a look at them. */
const watchProblems = (repository: string, workflows: ReadonlyMap<string, Workflow>): ReadonlyArray<string> => {
  interface Dependabot {
    readonly updates: ReadonlyArray<{ readonly 'package-ecosystem': string }>
  }
  const { updates } = parse(text(repository, '.github/dependabot.yml')) as Dependabot
  const watched = updates.map((update) => update['package-ecosystem'])
  const languages = workflows.get('codeql.yml')?.jobs['analyze']?.strategy?.matrix?.['language'] ?? []
  return [
    ...['npm', 'github-actions'].flatMap((each) => unless(watched.includes(each), `dependabot.yml: not ${each}`)),
    ...unless(languages.includes('javascript-typescript'), 'codeql.yml: not JavaScript'),
    ...['codeql.yml', 'dependency-review.yml'].flatMap((file) =>
      unless('pull_request' in (workflows.get(file)?.on ?? {}), `${file}: not on pull requests`),
    ),
  ]
}

export const workflowProblems = (repository: string): ReadonlyArray<string> => {
  const files = readdirSync(join(repository, folder))
  const sources = new Map(files.map((file) => [file, text(repository, `${folder}/${file}`)]))
  const workflows = new Map([...sources].map(([file, source]) => [file, parse(source) as Workflow]))
  // An action has one version in all of them.
  const pins = new Map<string, Set<string>>()
  for (const [, action = '', commit = ''] of [...sources.values()].join('\n').matchAll(/uses: ([\w./-]+)@(\S+)/g)) {
    pins.set(action, (pins.get(action) ?? new Set()).add(commit))
  }
  return [
    ...[...workflows].flatMap(([file, workflow]) => habits(file, sources.get(file) ?? '', workflow)),
    ...[...pins].flatMap(([action, commits]) => unless(commits.size === 1, `workflows: ${action} in several versions`)),
    ...orderProblems(workflows),
    ...ciProblems(workflows.get('ci.yml')?.jobs['test']),
    ...deployProblems(repository, workflows.get('deploy.yml')),
    ...watchProblems(repository, workflows),
  ]
}
