import { describe, expect, it } from '@jest/globals'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { held, sole } from '../support/fhir/cast-fhir'
import { created, deleted, images } from '../support/world/cast-images'
import { useCastWorld } from '../support/world/cast-world'
import { dicomcast } from '../support/world/command-line'
import { takeLease } from '../support/world/operate-world'

const newWorld = useCastWorld()
const commands = [
  'status',
  'check',
  'failures',
  'replay',
  'accept',
  'resync',
  'verify',
  'preview',
  'checkpoint',
  'pause',
  'resume',
  'work',
]

describe('dicomcast, for operators', () => {
  it.each(commands)('%s --help tells its options and exit codes', async (command) => {
    const { code, stdout } = await dicomcast({}, command, '--help')
    expect([code, stdout.includes('--json'), stdout.includes('Exit codes:')]).toEqual([0, true, true])
  })

  it.each([
    ['failures', 'Nowhere'],
    ['failures', '--since', 'yesterday'],
    ['failures', '--code', 'PatientMissmatch'],
    ['replay'],
    ['replay', '--row', 'DicomFailToStoreExceptionTable/1'],
    ['resync'],
    ['resync', 'not-a-uid'],
    ['verify'],
    ['verify', '--sample', 'many'],
    ['verify', '--all', '--since', '2026-11-23T20:00:00Z'],
    ['preview', '--batches', '0'],
    ['checkpoint', '--to-sequence', '1'],
    ['checkpoint', '--to-sequence', '1', '--to-time', '2026-11-23T20:00:00Z'],
    ['status', '--frob'],
    ['backfill', 'start'],
    ['backfill', 'start', '--yes', '--lanes', '65'],
  ])('a wrong option ends with 2 and says so on stderr: %s %s', async (...args) => {
    const world = await newWorld()
    const { code, stdout, stderr } = await dicomcast(world.environment(), ...args)
    expect([code, stdout, stderr === '']).toEqual([2, '', false])
  })

  it.each([
    [
      ['checkpoint', '--to-sequence', '5'],
      ['--etag: give the one that `dicomcast checkpoint` shows', '--confirm: say that you mean it'],
    ],
    [
      ['checkpoint', '--to-sequence', 'x', '--etag', 'y', '--confirm'],
      ['--to-sequence: expected a whole number from 0 to 9007199254740991'],
    ],
    [['checkpoint', '--confirm'], ['give --to-sequence or --to-time']],
    [['replay'], ['give --table, --row, --study, --code or --since']],
    [
      ['replay', '--row', 'x'],
      ['--row: expected a table and a row, such as FhirFailToStoreExceptionTable/0000000000000000042'],
    ],
    [['replay', '--row', 'Nowhere/0000000000000000042'], [expect.stringMatching(/^--row: expected one of /)]],
    [['resync', 'x'], ['<study>: expected a UID']],
    [
      ['verify', '--all', '1.2.3'],
      ['give a study, or one of --all, --since and --sample (and --resume and --confirm with these)'],
    ],
    [['verify', '--all', '--partition', 'x'], ['--partition: goes with a study']],
    [['preview', '--from-sequence', 'x'], ['--from-sequence: expected a whole number from 0 to 9007199254740991']],
  ])('speaks of options where it is asked by options: %j', async (args, problems) => {
    const { code, stderr } = await dicomcast({}, ...args)
    const [, ...told] = stderr.trim().split('\n')
    expect([code, told.map((line) => line.trim())]).toEqual([2, problems])
  })

  it('warns of settings that nobody reads, and does its work', async () => {
    const world = await newWorld()
    const environment = { ...world.environment(), DicomCast__BatchSiz: '5' }
    const warning =
      'DicomCast__BatchSiz is no setting of DICOMcast, and has no effect; did you mean DicomCast__BatchSize?'
    for (const command of ['cast', 'status']) {
      expect(await dicomcast(environment, command)).toMatchObject({ code: 0, stderr: `dicomcast: ${warning}\n` })
    }
    const { stdout } = await dicomcast(environment, 'status', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ state: 'fine', warnings: [warning] })
  })

  it.each(['dicom', 'fhir'])('does not start a local %s service that could not keep its state', async (service) => {
    for (const file of [join(tmpdir(), 'there-is-no-such-folder', 'x.json'), tmpdir()]) {
      const { code, stderr } = await dicomcast({}, 'local', service, '--port', '0', '--keep', file)
      expect([code, stderr]).toEqual([2, expect.stringContaining('a folder that is there and can be written to')])
    }
  })

  it('ends with 2 and every problem of the configuration', async () => {
    const { code, stderr } = await dicomcast({ DicomCast__BatchSize: 'many' }, 'status')
    expect([code, stderr.split('\n').filter((line) => line.startsWith('  ')).length]).toEqual([2, 4])
  })

  it('prints the checkpoint, and nothing else, with checkpoint --json', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2))
    await world.cast()
    const { code, stdout } = await dicomcast(world.environment(), 'checkpoint', '--json')
    const printed = JSON.parse(stdout) as { checkpoint: object }
    expect([code, Object.keys(printed), printed.checkpoint]).toMatchObject([
      0,
      ['checkpoint', 'head'],
      { sequence: 2, etag: expect.any(String) },
    ])
  })

  it('calls what it cannot do an invalid request, and a fault of its own by an exit code of its own', async () => {
    expect((await dicomcast({}, 'resync', 'x')).stderr).toMatch(/^dicomcast: invalid request:\n/)
    const folder = await mkdtemp(join(tmpdir(), 'dicomcast-fault-'))
    const fault = join(folder, 'fault.cjs')
    await writeFile(fault, "process.cwd = () => { throw new Error('nobody expected this') }")
    const { code, stderr } = await dicomcast({ NODE_OPTIONS: `--require ${fault}` }, 'status')
    expect([code, stderr]).toEqual([70, 'dicomcast: nobody expected this\n'])
    await rm(folder, { recursive: true })
  })

  it('ends with 4 while another run holds the lease, and with 3 while a service is down', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2))
    await world.cast()
    await takeLease(world)
    expect(await dicomcast(world.environment(), 'resync', '1.2.3')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('Another run holds the lease for '),
    })
    world.dicom.faults.set([{ fault: '403' }])
    expect(await dicomcast(world.environment(), 'verify', '1.2.3')).toMatchObject({
      code: 3,
      stderr: 'dicomcast: dicom: it refuses this identity (403): does it have the role DICOM Data Reader?\n',
    })
  })

  it('lists as many failures as it is asked for, page after page', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(1_205, { patientId: null }))
    await world.cast({}, { maxBatches: 0 })
    const listed = async (...args: ReadonlyArray<string>) => {
      const { stdout } = await dicomcast(world.environment(), 'failures', 'DicomFailToStoreExceptionTable', ...args)
      return stdout.split('\n')[0]
    }
    expect([await listed(), await listed('--limit', '1200'), await listed('--limit', '2000')]).toEqual([
      'DicomFailToStoreExceptionTable: 100 rows, and more',
      'DicomFailToStoreExceptionTable: 1200 rows, and more',
      'DicomFailToStoreExceptionTable: 1205 rows',
    ])
  })

  it('gives a script JSON, the problem included', async () => {
    const world = await newWorld()
    for (const [command, ...args] of [['status'], ['failures'], ['preview'], ['checkpoint'], ['verify', '--all']]) {
      const { code, stdout } = await dicomcast(world.environment(), command ?? '', ...args, '--json')
      expect([command, code, typeof JSON.parse(stdout)]).toEqual([command, 0, 'object'])
    }
    const { code, stdout } = await dicomcast(world.environment(), 'resync', '9.9', '--json')
    expect([code, JSON.parse(stdout)]).toMatchObject([2, { status: 404, code: 'NotFound' }])
  })
})

describe('dicomcast verify', () => {
  it('finds what differs in one study, repairs it, and says that it is in step', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2))
    await world.cast()
    await fetch(`${world.fhir.url}/ImagingStudy/${sole(world, 'ImagingStudy').id}`, { method: 'DELETE' })
    const verify = (...args: ReadonlyArray<string>) => dicomcast(world.environment(), 'verify', ...args)
    expect(await verify('1.2.3')).toMatchObject({
      code: 1,
      stdout: '1.2.3: differs (2 instances in DICOM, 0 in FHIR, 2 missing)\n  would create ImagingStudy\n',
    })
    expect(await verify('1.2.3', '--repair')).toMatchObject({ code: 0 })
    expect(await verify('--sample', '5')).toMatchObject({ code: 0, stdout: '1 study compared: all in step\n' })
  })

  it('takes the studies that changed since a time', async () => {
    const world = await newWorld()
    world.dicom.control.append({ ...created({ study: '1.2.1' }), timestamp: '2026-01-01T00:00:00.0000000+00:00' })
    world.dicom.control.append({ ...created({ study: '1.2.2' }), timestamp: '2026-02-01T00:00:00.0000000+00:00' })
    await world.cast({}, { maxBatches: 0 })
    expect(await dicomcast(world.environment(), 'verify', '--since', '2026-01-15T00:00:00Z')).toMatchObject({
      code: 0,
      stdout: '1 study compared: all in step\n',
    })
  })

  it('goes on where it was with --resume, and forgets the position at the end', async () => {
    const world = await newWorld()
    world.dicom.control.append(...[1, 2, 3].map((number) => created({ study: `1.2.${number}` })))
    await world.cast()
    const folder = await mkdtemp(join(tmpdir(), 'dicomcast-verify-'))
    const file = join(folder, 'position.json')
    const verify = (...scope: ReadonlyArray<string>) =>
      dicomcast(world.environment(), 'verify', ...scope, '--resume', file)
    const scopes = [['--all'], ['--since', '2020-01-01T00:00:00Z'], ['--sample', '3']]
    for (const scope of scopes) {
      // The DICOM service fails at the third study: what was found until then is kept, and told in the end.
      world.dicom.faults.set([{ fault: '403', match: { pathPrefix: '/v2/studies/' }, skip: 2 }])
      expect([scope, await verify(...scope)]).toMatchObject([
        scope,
        {
          code: 3,
          stdout: expect.stringContaining('2 studies compared: all in step\nNot all studies were compared; '),
        },
      ])
      world.dicom.faults.clear()
      world.dicom.requests.clear()
      expect([scope, await verify(...scope)]).toMatchObject([
        scope,
        { code: 0, stdout: '3 studies compared: all in step\n' },
      ])
      const read = world.dicom.requests.list().filter(({ path }) => path.endsWith('/metadata'))
      expect([scope, read.length]).toEqual([scope, 1])
      await expect(readFile(file)).rejects.toThrow('ENOENT')
    }
    await rm(folder, { recursive: true })
  })

  it('remembers with --resume what differed before, and takes the file of no other walk', async () => {
    const world = await newWorld()
    world.dicom.control.append(...[1, 2, 3].map((number) => created({ study: `1.2.${number}` })))
    const folder = await mkdtemp(join(tmpdir(), 'dicomcast-verify-'))
    const file = join(folder, 'position.json')
    const verify = (...scope: ReadonlyArray<string>) =>
      dicomcast(world.environment(), 'verify', ...scope, '--resume', file)
    world.dicom.faults.set([{ fault: '403', match: { pathPrefix: '/v2/studies/' }, skip: 1 }])
    expect(await verify('--all')).toMatchObject({ code: 3 })
    world.dicom.faults.clear()
    await world.cast()
    for (const [scope, wrong] of [
      [['--sample', '3'], 'is the position of another walk'],
      [['--since', '2020-01-01T00:00:00Z'], 'is the position of another walk'],
    ] as const) {
      const { code, stderr } = await verify(...scope)
      expect([code, stderr]).toEqual([2, expect.stringContaining(wrong)])
    }
    expect(await verify('--all')).toMatchObject({ code: 1, stdout: '3 studies compared: 1 study differs\n' })
    await writeFile(file, '{"partition":')
    expect(await verify('--all')).toMatchObject({ code: 2, stderr: expect.stringContaining('holds no position') })
    await rm(folder, { recursive: true })
  })

  it('waits with --repair until another run has ended', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2))
    const release = await takeLease(world)
    const repairing = dicomcast(world.environment(), 'verify', '--all', '--repair')
    setTimeout(() => void release(), 4_000)
    expect(await repairing).toMatchObject({ code: 0, stdout: expect.stringContaining('1 study differs, 1 repaired') })
  })

  it('says how many instances cannot be cast, also when nothing differs', async () => {
    const world = await newWorld()
    world.dicom.control.append(...images(2), created({ study: '1.2.4', patientId: null }))
    await world.cast()
    expect(await dicomcast(world.environment(), 'verify', '--all')).toMatchObject({
      code: 0,
      stdout: '2 studies compared: 1 with images in a fail table; not cast: 1 instance (TagsRejected 1)\n',
    })
    expect(await dicomcast(world.environment(), 'verify', '--all', '--strict')).toMatchObject({ code: 1 })
  })

  it('passes by a study that cannot be read, and compares and repairs the others', async () => {
    const world = await newWorld()
    world.dicom.control.append(...[1, 2, 3, 4].map((number) => created({ study: `1.2.${number}` })))
    await world.cast()
    const lost = held(world, 'ImagingStudy').find(({ identifier }) => identifier?.[0]?.value === 'urn:oid:1.2.3')
    await fetch(`${world.fhir.url}/ImagingStudy/${lost?.id}`, { method: 'DELETE' })
    world.dicom.faults.set([{ fault: '404', match: { pathPrefix: '/v2/studies/1.2.2/' } }])
    const verify = () => dicomcast(world.environment(), 'verify', '--all', '--repair')
    const first = await verify()
    expect(first.stdout).toContain('1.2.2: not comparable: dicom: ')
    expect(first).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('3 studies compared: 1 study differs, 1 repaired, 1 not comparable\n'),
    })
    expect(held(world, 'ImagingStudy')).toHaveLength(4)
    world.dicom.faults.clear()
    expect(await verify()).toMatchObject({ code: 0, stdout: '4 studies compared: all in step, 0 repaired\n' })
  })

  it('finds a study that FHIR alone has, and takes it away with --repair', async () => {
    const world = await newWorld()
    world.dicom.control.append(...[1, 2, 3].map((number) => created({ study: `1.2.${number}` })))
    await world.cast()
    world.dicom.control.append(deleted({ study: '1.2.2' }))
    const verify = (...args: ReadonlyArray<string>) => dicomcast(world.environment(), 'verify', '--all', ...args)
    expect(await verify()).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('1.2.2: differs (0 instances in DICOM, 1 in FHIR, 1 gone)'),
    })
    expect(await verify('--repair')).toMatchObject({ code: 0, stdout: expect.stringContaining('1 repaired') })
    expect(held(world, 'ImagingStudy')).toHaveLength(2)
    expect(await verify()).toMatchObject({ code: 0, stdout: '2 studies compared: all in step\n' })
  })

  it('takes no more studies away than it may, until an operator confirms how many', async () => {
    const world = await newWorld({ settings: { DicomCast__MaxGone: '1' } })
    world.dicom.control.append(...[1, 2, 3, 4].map((number) => created({ study: `1.2.${number}` })))
    await world.cast()
    world.dicom.control.append(deleted({ study: '1.2.2' }), deleted({ study: '1.2.3' }))
    const repair = (...args: ReadonlyArray<string>) =>
      dicomcast(world.environment(), 'verify', '--all', '--repair', ...args)
    expect(await repair()).toMatchObject({ code: 1, stdout: expect.stringContaining('go on with --confirm 2\n') })
    expect(held(world, 'ImagingStudy')).toHaveLength(4)
    expect(await repair('--confirm', '2')).toMatchObject({ code: 0, stdout: expect.stringContaining('2 repaired') })
    expect(held(world, 'ImagingStudy')).toHaveLength(2)
  })

  it('takes nothing for gone when the archive has none of the studies that FHIR holds', async () => {
    const world = await newWorld()
    world.dicom.control.append(...[1, 2, 3].map((number) => created({ study: `1.2.${number}` })))
    await world.cast()
    world.dicom.control.append(...[1, 2, 3].map((number) => deleted({ study: `1.2.${number}` })))
    const { code, stdout, stderr } = await dicomcast(world.environment(), 'verify', '--all', '--repair')
    expect([code, stdout + stderr]).toEqual([3, expect.stringContaining('is it the right archive')])
    expect(stdout).toContain('0 studies compared: nothing is known')
    expect(held(world, 'ImagingStudy')).toHaveLength(3)
  })
})
