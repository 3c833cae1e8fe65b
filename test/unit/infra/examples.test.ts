import { describe, expect, it } from '@jest/globals'
import {
  at,
  compose,
  environmentProblems,
  environments,
  kind,
  manifests,
  missingInContext,
  orthanc,
  text,
  unitProblems,
} from './examples-check'

const dockerfile = text('Dockerfile')

describe('Dockerfile', () => {
  it('finds in the build context what it takes', () => {
    expect(missingInContext(dockerfile, text('.dockerignore'))).toEqual([])
    expect(missingInContext(dockerfile, 'lib\n')).toEqual(['lib'])
  })

  it('runs as nobody who may do more, serves, and asks itself whether it is live', () => {
    expect(dockerfile).toMatch(/^USER 1000:1000$/m)
    expect(dockerfile).toMatch(/^HEALTHCHECK [^]*http:\/\/127\.0\.0\.1:8080\/live/m)
    expect(dockerfile).toMatch(/^CMD \["serve", "--host", "0\.0\.0\.0"\]$/m)
    expect(dockerfile.match(/^FROM \S+/gm)).toEqual(['FROM node:24-slim', 'FROM node:24-slim'])
  })
})

describe('the examples', () => {
  it.each(environments)('give settings with which the app starts: %s', (_file, environment) => {
    expect([environmentProblems(environment), Object.keys(environment).length > 5]).toEqual([[], true])
  })

  it('would hear of a setting that nobody reads, and of one that is missing', () => {
    const [[, environment = {}] = []] = environments
    const rest = Object.fromEntries(Object.entries(environment).filter(([name]) => name !== 'Fhir__Endpoint'))
    expect(environmentProblems({ ...rest, Fhir__Endpont: 'x' })).toHaveLength(2)
  })

  it('start the storage that is tested with (compose)', () => {
    const { peerDependencies } = JSON.parse(text('package.json')) as { peerDependencies: Record<string, string> }
    const image = `mcr.microsoft.com/azure-storage/azurite:${peerDependencies['azurite']}`
    for (const each of [compose, orthanc]) expect(at(each, 'services', 'azurite', 'image')).toBe(image)
    expect(text('docs/deploy.md')).toContain(`npm install --global azurite@${peerDependencies['azurite']}\n`)
  })

  it('publish nothing but to this machine (compose), and hold no secret', () => {
    expect(at(compose, 'services', 'dicomcast', 'ports')).toEqual(['127.0.0.1:8080:8080'])
    const ports = Object.values(orthanc['services'] ?? {}).flatMap((service) => at(service, 'ports') ?? [])
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+$/.test(String(port)))).toEqual([])
    expect(ports).toHaveLength(4)
    for (const [file] of environments) {
      expect(text(file)).not.toMatch(/AccountKey=(?!\$\{)/)
    }
  })

  it('mount what is there into Orthanc, which then knows user and hook (compose)', () => {
    const mounted = at(orthanc, 'services', 'orthanc', 'volumes') as ReadonlyArray<string>
    const files = mounted.flatMap((each) => /^\.\/(\S+):(\/etc\/orthanc\/\S+):ro$/.exec(each)?.slice(1, 3) ?? [])
    expect(files).toEqual(['orthanc.json', '/etc/orthanc/orthanc.json', 'wake.lua', '/etc/orthanc/wake.lua'])
    const configuration = JSON.parse(text('examples/orthanc/orthanc.json')) as unknown
    expect(configuration).toMatchObject({
      ...{ LuaScripts: ['/etc/orthanc/wake.lua'], HttpTimeout: 1 },
      RegisteredUsers: { dicomcast: '${ORTHANC_PASSWORD}' },
    })
    expect(text('examples/orthanc/wake.lua').match(/^function On\w+/gm)).toEqual([
      'function OnStableStudy',
      'function OnDeletedStudy',
    ])
  })

  it('are of kinds that belong together (Kubernetes)', () => {
    expect(manifests.map((each) => `${String(each['apiVersion'])} ${String(each['kind'])}`)).toEqual([
      'v1 ConfigMap',
      'v1 Secret',
      'apps/v1 Deployment',
      'v1 Service',
      'batch/v1 CronJob',
    ])
    const pod = at(kind('Deployment'), 'spec', 'template')
    const labels = { app: 'dicomcast' }
    expect([at(pod, 'metadata', 'labels'), at(kind('Deployment'), 'spec', 'selector', 'matchLabels')]).toEqual([
      labels,
      labels,
    ])
    expect(at(kind('Service'), 'spec', 'selector')).toEqual(labels)
    expect([at(kind('Deployment'), 'spec', 'replicas'), at(kind('Deployment'), 'spec', 'strategy', 'type')]).toEqual([
      1,
      'Recreate',
    ])
    const job = at(kind('CronJob'), 'spec', 'jobTemplate', 'spec', 'template')
    for (const each of [pod, job]) {
      expect(at(each, 'spec', 'securityContext', 'runAsNonRoot')).toBe(true)
      expect(at(each, 'spec', 'containers', 0, 'securityContext')).toMatchObject({
        ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
      })
      expect(at(each, 'spec', 'containers', 0, 'envFrom')).toEqual([
        { configMapRef: { name: 'dicomcast' } },
        { secretRef: { name: 'dicomcast' } },
      ])
    }
    const container = at(pod, 'spec', 'containers', 0)
    expect([
      at(container, 'livenessProbe', 'httpGet', 'path'),
      at(container, 'readinessProbe', 'httpGet', 'path'),
    ]).toEqual(['/live', '/ready'])
  })

  it('are a unit that systemd understands, where it can be asked', () => {
    const unit = text('examples/systemd/dicomcast.service')
    const problems = unitProblems(unit)
    if (problems === undefined) console.warn('systemd-analyze is not here: examples/systemd is not verified')
    else expect(unitProblems(unit.replace('Restart=on-failure', 'Restart=often'))).toMatch(/restart specifier/)
    expect(problems ?? '').toBe('')
  })
})
