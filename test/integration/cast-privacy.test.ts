import { describe, expect, it } from '@jest/globals'
import { dictionary } from '../../lib/domain/dicom/tags'
import { startFunctionsHost } from '../../local/functions-host'
import { jsonLines, runCli } from '../support/world/cast-cli'
import { held } from '../support/fhir/cast-fhir'
import { created, type Image } from '../support/world/cast-images'
import { allTables, type CastWorld, useCastWorld } from '../support/world/cast-world'

const newWorld = useCastWorld()

const canary = 'Canary'
const found = new RegExp(canary, 'i')
const tagsOfKeys = ['StudyInstanceUID', 'SeriesInstanceUID', 'SOPInstanceUID', 'SOPClassUID']

const valueOf = (vr: string): unknown => {
  if (vr === 'PN') return { Alphabetic: `${canary}^Ana`, Ideographic: canary }
  return vr === 'SQ' ? { '00080100': { vr: 'SH', Value: [canary] }, '00400032': { vr: 'UT', Value: [canary] } } : canary
}

const canaryIn = (wanted: (vr: string, keyword: string) => boolean): Readonly<Record<string, unknown>> =>
  Object.fromEntries(
    Object.entries(dictionary)
      .filter(([keyword, { vr }]) => !tagsOfKeys.includes(keyword) && wanted(vr, keyword))
      .map(([, { tag, vr }]) => [tag, { vr, Value: [valueOf(vr)] }]),
  )

const isText = (vr: string): boolean => ['LO', 'SH', 'PN', 'LT', 'ST', 'UT', 'UC'].includes(vr)
/** Each is recorded or refused for a reason of its own; a canary is in every tag, in a legal or an illegal form. */
const images: ReadonlyArray<Image> = [
  // Stored, with every value that may be a text; then refused by FHIR, which echoes it.
  { study: '1.2.1', elements: canaryIn((vr, keyword) => isText(vr) && keyword !== 'TimezoneOffsetFromUTC') },
  { study: '1.2.2', elements: canaryIn((vr) => isText(vr)) },
  // Every value that cannot be a text is invalid, where it is optional.
  { study: '1.2.3', elements: canaryIn((vr, keyword) => !isText(vr) && keyword !== 'Modality') },
  { study: '1.2.4', elements: canaryIn((_vr, keyword) => keyword === 'Modality') },
  { study: '1.2.5', elements: { '0020000D': { vr: 'UI', Value: [canary] } } },
  { study: '1.2.6', elements: { '00100021': { vr: 'LO', Value: [canary] } } },
  // Misfiled, and somebody else's PatientID.
  { study: '1.2.7', patientId: `${canary}-7` },
  { study: '1.2.7', patientId: `${canary}-8`, instance: 2 },
  { study: '1.2.8', patientId: `${canary}-7`, name: `Other${canary}`, birthDate: '19010203', sex: 'M' },
]

const seeded = async (settings: Readonly<Record<string, string>> = {}): Promise<CastWorld> => {
  const world = await newWorld({ settings: { RetryConfiguration__TotalRetryDuration: '00:00:00', ...settings } })
  world.dicom.control.append(...images.map(created))
  for (const sopInstanceUid of ['1.2.9.1.1', canary]) {
    world.dicom.control.append({ ...created({ study: '1.2.9', patientId: canary }), sopInstanceUid })
  }
  return world
}

const tablesOf = async (world: CastWorld): Promise<string> =>
  JSON.stringify(await Promise.all(allTables.map((table) => world.rows(table))), (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  )

describe("a patient's data", () => {
  it.each([
    ['while all goes well', {}],
    [
      'with issuers and strict values',
      { Patient__IsIssuerIdUsed: 'true', DicomCast__Features__EnforceValidationOfTagValues: 'true' },
    ],
  ])('is in FHIR, and neither in tables, nor in logs, nor on the console: %s', async (_, settings) => {
    const world = await seeded(settings)
    const { code, stdout, stderr } = await runCli(['cast', '--json'], world.environment())
    expect([code, jsonLines(stdout)]).toMatchObject([0, [{ ended: 'CaughtUp', entries: images.length + 2 }]])
    expect(JSON.stringify(held(world, 'Patient'))).toMatch(found)
    const codes = Object.values(await world.failed())
      .flat()
      .map((row) => row?.split(' ')[1])
    expect(new Set(codes)).toContain('TagsRejected')
    for (const text of [stdout, stderr, await tablesOf(world)]) expect(text).not.toMatch(found)
  })

  it.each(['reject', 'weirdOutcome', 'entryStatus', 'wrongType', '503', '403', 'race'] as const)(
    'is not repeated from what FHIR says when it fails: %s',
    async (fault) => {
      const world = await seeded()
      await world.cast()
      for (const image of images) world.dicom.control.append({ ...created(image), action: 'update' })
      world.fhir.faults.set([{ fault, match: { interaction: 'transaction', bodyIncludes: canary } }])
      const reports = [await world.cast({}, { maxBatches: 0 }), await world.cast({}, { maxBatches: 0 })]
      const said = [JSON.stringify(reports), world.logged.join(), await tablesOf(world)]
      for (const text of said) expect(text).not.toMatch(found)
      expect(world.fhir.faults.list()[0]?.hits).toBeGreaterThan(0)
    },
  )

  it('is not in what the function app logs', async () => {
    const world = await seeded()
    world.fhir.faults.set([{ fault: 'reject', match: { bodyIncludes: canary }, skip: 2 }])
    const env = { PATH: process.env['PATH'], CastSchedule: '0 0 4 1 1 *', ...world.environment() }
    const host = await startFunctionsHost({ env })
    try {
      const fired = [await host.fire('castTimer'), await host.fire('castTimer')]
      await host.close()
      expect(host.logs.length).toBeGreaterThan(1)
      expect(JSON.stringify([fired, host.logs])).not.toMatch(found)
    } finally {
      await host.close()
    }
  })
})
