import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from '@jest/globals'
import { settingDescriptions } from '../../../lib/config/settings'
import { alertProblems } from './alerts-check'
import { readBicep, readParameters, syntaxProblems } from './bicep'
import { formatProblems } from './bicep-format'
import { nameProblems } from './bicep-names'
import { parameterFileProblems, refusalProblems, typeProblems, variantProblems } from './bicep-types'
import { azdProblems, dockerProblems, hostProblems, secretProblems } from './delivery-check'
import { networkProblems } from './network-check'
import { plantedInBicep } from './planted-in-bicep'
import { plantedInDelivery } from './planted-in-delivery'
import { plantedInNetwork } from './planted-in-network'
import { plantedInTypes } from './planted-in-types'
import { plantedInWorkflows } from './planted-in-workflows'
import { pipelineRoleProblems, roleProblems } from './roles-check'
import { settingsProblems } from './settings-check'
import { workflowProblems } from './workflows-check'

const root = join(__dirname, '..', '..', '..')

/** All checks of what is deployed, on any copy of the repository. */
const problems = async (repository: string): Promise<ReadonlyArray<string>> => {
  const files = await readBicep(repository)
  const parameters = await readParameters(repository)
  const broken = syntaxProblems([...files, ...parameters])
  // What does not parse has no names to look at.
  if (broken.length > 0) return broken
  return [
    ...nameProblems(files),
    ...typeProblems(files),
    ...formatProblems([...files, ...parameters]),
    ...files.slice(0, 1).flatMap((main) => parameters.flatMap((each) => parameterFileProblems(each, main))),
    ...files.slice(0, 1).flatMap((main) => refusalProblems(main, parameters)),
    ...variantProblems(parameters),
    ...settingsProblems(repository, files, settingDescriptions),
    ...roleProblems(files),
    ...pipelineRoleProblems(repository),
    ...networkProblems(files),
    ...alertProblems(files),
    ...secretProblems(repository, files),
    ...azdProblems(repository, files),
    ...dockerProblems(repository),
    ...workflowProblems(repository),
    ...hostProblems(repository),
  ]
}

it('finds nothing wrong with what is deployed', async () => {
  expect(await problems(root)).toEqual([])
})

describe('a planted mistake is found', () => {
  const copies: string[] = []
  afterEach(() => copies.splice(0).forEach((copy) => rmSync(copy, { recursive: true, force: true })))

  const deployed = [
    'infra',
    '.github',
    '.ci',
    '.dockerignore',
    'docs/deploy.md',
    'azure.yaml',
    'host.json',
    'package.json',
    'README.md',
    'local.settings.sample.json',
  ]

  const copyWith = (file: string, good: string, bad: string): string => {
    const copy = mkdtempSync(join(tmpdir(), 'dicomcast-infra-'))
    copies.push(copy)
    for (const each of deployed) cpSync(join(root, each), join(copy, each), { recursive: true })
    const text = readFileSync(join(copy, file), 'utf8')
    // A mistake that cannot be planted any more would pass for one that is found.
    if (!text.includes(good)) throw new Error(`${file} does not hold ${good}`)
    writeFileSync(join(copy, file), text.replace(good, bad))
    return copy
  }

  const planted = [plantedInBicep, plantedInTypes, plantedInNetwork, plantedInDelivery, plantedInWorkflows].flat()
  it.each(planted)('%s', async (_, file, good, bad, found) => {
    expect(await problems(copyWith(file, good, bad))).toContainEqual(expect.stringContaining(found))
  })
})
