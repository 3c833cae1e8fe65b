import type { ImagingStudy } from 'fhir/r4'
import { startDicomService } from '../../local/dicom/service'
import { deleted } from '../support/world/cast-images'
import {
  type Archive,
  type Death,
  type Ended,
  clinic,
  edit,
  image,
  openArchive,
  partitionOf,
  remove,
  uidOf,
} from './archive'

const renamedTo = 'https://pacs.example/dicom'

/** A sentence, and whether it is so. */
type Say = (claim: string, isSo: boolean) => void

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''

const studyOf = (archive: Archive, index: number): ImagingStudy => {
  const found = archive
    .studies()
    .find(({ identifier = [] }) => identifier.some(({ value }) => value === `urn:oid:${uidOf(index)}`))
  if (found === undefined) throw new Error(`FHIR does not hold ${uidOf(index)}`)
  return found
}

/** Of each study one, with so many images. */
const isOnce = (archive: Archive, studies: number, images: number): boolean => {
  const held = archive.studies()
  const uids = new Set(held.map(({ identifier }) => identifier?.[0]?.value))
  return (
    held.length === studies &&
    uids.size === studies &&
    held.every(({ numberOfInstances }) => numberOfInstances === images)
  )
}

/** At first each of its writes in turn; then far on among the studies; at last each of the writes behind the last study. */
const deathsOf = (studies: number): ReadonlyArray<Death> => {
  const each = [1, 2, 3, 4].flatMap((at) => (['before', 'after'] as const).map((when) => ({ at, when })))
  const far = [0.2, 0.4].map((part): Death => ({ at: Math.ceil((studies / 20) * part), when: 'after' }))
  return [...each, ...far]
}

export const showRename = async (archive: Archive, studies: number, say: Say): Promise<void> => {
  const { dicom, run, breakLease } = archive
  const [old, today] = [{}, { DicomWeb__Endpoint: renamedTo, DicomWeb__PrivateEndpoint: dicom.url }]
  const rename = (settings: Readonly<Record<string, string>>, death?: Death): Promise<Ended> =>
    run(settings, ['rename-service', '--from', dicom.url], death)
  const cast = (settings: Readonly<Record<string, string>>) => run(settings, ['cast', '--until-caught-up', '--json'])
  const endings = async (): Promise<string> => {
    const ended = []
    for (const settings of [old, today]) {
      const [, how = 'nothing'] = /"ended":"(\w+)"/.exec((await cast(settings)).stdout) ?? []
      ended.push(how)
    }
    return ended.join(' and ')
  }
  await cast(old)
  say(`${studies} studies are cast under the old name`, isOnce(archive, studies, 1))

  let kills = 0
  // The first process must know the new name; who goes on may have either.
  const killed = async (
    death: Death,
    settings: Readonly<Record<string, string>> = kills < 2 || kills % 2 === 0 ? today : old,
  ): Promise<Ended> => {
    const ended = await rename(settings, death)
    if (ended.code === 'killed') kills += 1
    await breakLease()
    console.log(
      `  under the ${settings === old ? 'old' : 'new'} setting, ${death.when} its write ${death.at}: ${
        ended.code === 'killed' ? 'killed' : `ended ${ended.code}: ${lastLine(ended.stdout)}`
      }`,
    )
    return ended
  }
  for (const death of deathsOf(studies)) await killed(death)
  say(`half-way both settings end every cast: ${await endings()}`, (await endings()) === 'GateClosed and GateClosed')
  const left = archive.studies().filter(({ endpoint = [] }) => endpoint[0]?.reference === 'Endpoint/main-pacs').length
  say(`${left} studies are left to be given our Endpoint`, left > 0 && left < studies / 2)
  await killed({ at: 2 + Math.ceil(left / 10), when: 'after' })
  for (let at = 1, ended: Ended | undefined; at <= 8 && (ended === undefined || ended.code === 'killed'); at++) {
    for (const when of ['before', 'after'] as const) ended = await killed({ at, when })
  }
  // The row has the new name now: what is left is the gate.
  for (const when of ['before', 'after'] as const) await killed({ at: 1, when }, today)
  const done = await rename(today)
  say(`killed ${kills} times, and done: ${lastLine(done.stdout)}`, done.code === 0)
  say(`the settings then end a cast as ${await endings()}`, (await endings()) === 'ConfigurationInvalid and CaughtUp')
  for (let index = 0; index < studies; index++) dicom.control.append(image(index, 2))
  await cast(today)
  const patients = archive.fhir.store.ofType('Patient').length
  say(
    `a second image of each: ${archive.studies().length} studies, ${patients} patients, 0 doubled`,
    isOnce(archive, studies, 2) && patients === Math.min(50, studies),
  )
}

export const showVerify = async (archive: Archive, studies: number, say: Say): Promise<void> => {
  const { dicom, run } = archive
  // A study that cannot be read is tried again as long as this, each.
  const settings = {
    ...{ DicomWeb__Endpoint: renamedTo, DicomWeb__PrivateEndpoint: dicom.url },
    RetryConfiguration__TotalRetryDuration: '00:00:01',
    // The local service lists no partitions.
    DicomCast__Partitions: `Microsoft.Default,${clinic}`,
  }
  const verify = async (more: Readonly<Record<string, string>> = {}): Promise<Ended> => {
    const ended = await run({ ...settings, ...more }, ['verify', '--all', '--repair'])
    console.log(ended.stdout.replace(/^/gm, '  '))
    return ended
  }
  const [bad, lost, gone, changed] = [
    [11, 12, 13],
    [21, 22, 23, 24, 25],
    [31, 32, 33, 34, 35],
    [41, 42, 43, 44, 45],
  ]
  const pathOf = (index: number): string => {
    const partition = partitionOf(index)
    return `/v2/${partition === undefined ? '' : `partitions/${partition}/`}studies/${uidOf(index)}/`
  }
  dicom.faults.set(bad.map((index) => ({ fault: '503', match: { pathPrefix: pathOf(index) } })))
  for (const index of lost) await remove(archive, studyOf(archive, index))
  for (const index of gone) {
    const partition = partitionOf(index)
    const place = partition === undefined ? {} : { partition }
    for (const instance of [1, 2]) dicom.control.append(deleted({ study: uidOf(index), instance, ...place }))
  }
  for (const index of changed) await edit(archive, { ...studyOf(archive, index), numberOfSeries: 7 })

  const first = await verify()
  const left = studies - gone.length
  say(
    `the first walk names 3 bad, and mends 15: ${lastLine(first.stdout)}`,
    lastLine(first.stdout) === `${studies - 3} studies compared: 15 studies differ, 15 repaired, 3 not comparable` &&
      isOnce(archive, left, 2),
  )
  const second = await verify()
  say(
    `the second finds nothing: ${lastLine(second.stdout)}`,
    lastLine(second.stdout) === `${left - 3} studies compared: 0 repaired, 3 not comparable`,
  )
  dicom.faults.set([])
  const third = await verify()
  say(
    `and all of it once the bad can be read: ${lastLine(third.stdout)}`,
    third.code === 0 && lastLine(third.stdout) === `${left} studies compared: all in step, 0 repaired`,
  )
  const empty = await startDicomService()
  const before = archive.studies().map(({ id, meta }) => `${id} ${meta?.versionId}`)
  const ended = await verify({ DicomWeb__PrivateEndpoint: empty.url })
  await empty.close()
  const after = archive.studies().map(({ id, meta }) => `${id} ${meta?.versionId}`)
  say(
    `an archive that is suddenly empty takes nothing away (exit ${ended.code})`,
    ended.code !== 0 && before.join() === after.join(),
  )
}

/** Both, one after the other on the same archive; false when something of it is not as it must be. */
export const showArchive = async (studies: number): Promise<boolean> => {
  const archive = await openArchive(studies)
  let isRight = true
  const say: Say = (claim, isSo) => {
    isRight &&= isSo
    console.log(`${isSo ? 'so ' : 'NOT'} ${claim}`)
  }
  try {
    await showRename(archive, studies, say)
    await showVerify(archive, studies, say)
  } finally {
    await archive.close()
  }
  return isRight
}
