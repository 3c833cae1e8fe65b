import { afterEach, describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import { dicomArchive } from '../../../../lib/adapters/http/dicom-archive'
import { dicomwebSource } from '../../../../lib/adapters/http/dicomweb'
import { orthancSource } from '../../../../lib/adapters/http/orthanc'
import { callOf, json, serve, stopServers } from './loopback'

afterEach(stopServers)

type Answer = Parameters<typeof serve>[0]

const sourceOf = async (answer: Answer, kind: 'orthanc' | 'dicomweb' = 'orthanc') => {
  const { url, seen } = await serve(answer)
  const settings = {
    ...{ endpoint: `${url}/dicom-web`, privateEndpoint: undefined, source: kind, version: '' },
    maxPageBytes: 10_000,
  }
  const source = (kind === 'orthanc' ? orthancSource : dicomwebSource)(settings, callOf('dicom'))
  return { source, archive: dicomArchive(settings, callOf('dicom'), source), urls: () => seen.map((each) => each.url) }
}

const change = (Seq: number, ChangeType = 'NewInstance') => ({
  ...{ Seq, ChangeType, ID: `id-${Seq}`, Date: '20261128T141011', Path: '/x', ResourceType: 'Instance' },
})

describe('the log of an Orthanc', () => {
  it('is asked beside DICOMweb; what came counts, and of which level, but for patients', async () => {
    const types = ['NewInstance', 'NewSeries', 'NewStudy', 'NewPatient', 'StableStudy', 'UpdatedMetadata']
    const rows = types.map((type, index) => change(index + 4, type))
    const { source, urls } = await sourceOf(json(200, { Changes: rows, Done: true, Last: 9 }))
    const page = await source.log?.rows(3, 100)()
    expect(urls()).toEqual(['/changes?since=3&limit=100'])
    expect(page).toMatchObject({ right: { isDone: true, last: 9 } })
    if (page === undefined || E.isLeft(page)) throw new Error('no page')
    expect(page.right.rows.map(({ sequence, isNew }) => [sequence, isNew])).toEqual([
      ...[4, 5, 6].map((sequence) => [sequence, true]),
      ...[7, 8, 9].map((sequence) => [sequence, false]),
    ])
    expect(page.right.rows[0]).toMatchObject({ id: 'id-4', date: '20261128T141011' })
  })

  it.each([
    ['no list', { Done: true, Last: 1 }],
    ['a list that is none', { Changes: {}, Done: true, Last: 1 }],
    ['no highest number', { Changes: [], Done: true }],
    ['a row without number', { Changes: [change(1), { ...change(2), Seq: 'x' }], Done: true, Last: 2 }],
    ['a row without resource', { Changes: [{ ...change(2), ID: 7 }], Done: true, Last: 2 }],
    ['a number that is none', { Changes: [{ ...change(2), Seq: -1 }], Done: true, Last: 2 }],
    ['null', null],
  ])('with %s is unreadable, and no empty one', async (_, body) => {
    const { source } = await sourceOf(json(200, body))
    expect(await source.log?.rows(0, 10)()).toMatchObject({ left: { _tag: 'ServiceUnavailable', hop: 'dicom' } })
  })

  it('names studies in one request; what is no study is left out, and a hostile UID is none', async () => {
    const study = (uid: unknown, more: object = {}) => ({
      ...{ ID: `id-${String(uid)}`, LastUpdate: '20261128T141011', Series: ['b', 'a'] },
      ...{ MainDicomTags: { StudyInstanceUID: uid }, ...more },
    })
    const bodies = [study('1.2.3'), study('1.2.4', { LastUpdate: 3 }), study('../x'), study(7), null, 'x', {}]
    const { source } = await sourceOf(json(200, bodies))
    const found = await source.log?.studiesOf(['a', 'b'])()
    if (found === undefined || E.isLeft(found)) throw new Error('no studies')
    expect(found.right.map(({ studyInstanceUid, state }) => [studyInstanceUid, typeof state])).toEqual([
      ['1.2.3', 'string'],
      ['1.2.4', 'undefined'],
    ])
    expect(await source.log?.studiesOf([])()).toEqual(E.right([]))
  })

  it('ends where the archive says so; an empty one has no head', async () => {
    const { archive } = await sourceOf(json(200, { Changes: [], Done: true, Last: 33 }))
    expect(await archive.latest()()).toEqual(E.right(O.some({ sequence: 33 })))
    const empty = await sourceOf(json(200, { Changes: [], Done: true, Last: 0 }))
    expect(await empty.archive.latest()()).toEqual(E.right(O.none))
  })

  it('that cannot be asked by time says so at once', async () => {
    const { archive, urls } = await sourceOf(json(200, {}))
    expect(await archive.window('2026-11-23T20:00:00Z', 0)()).toMatchObject({ left: { status: 404 } })
    expect(urls()).toEqual([])
  })
})

describe('the state of a study in a list', () => {
  const listed = async (study: object, kind: 'orthanc' | 'dicomweb'): Promise<string | undefined> => {
    const { source } = await sourceOf(json(200, [study]), kind)
    const found = await source.list(0, 1)()
    return E.isRight(found) ? found.right[0]?.state : undefined
  }
  const orthanc = { LastUpdate: '20261128T141011', Series: ['a', 'b'], MainDicomTags: { StudyInstanceUID: '1.2.3' } }
  const text = (vr: string, value: unknown) => ({ vr, Value: [value] })
  const qido = {
    ...{ '0020000D': text('UI', '1.2.3'), '00100020': text('LO', 'P1'), '00100010': text('PN', { Alphabetic: 'A^B' }) },
    ...{ '00201206': text('IS', 1), '00201208': text('IS', 2) },
  }

  it('of an Orthanc is another after an update, and with other series in whatever order', async () => {
    const state = await listed(orthanc, 'orthanc')
    expect(await listed({ ...orthanc, Series: ['b', 'a'] }, 'orthanc')).toBe(state)
    expect(await listed({ ...orthanc, Series: ['a'] }, 'orthanc')).not.toBe(state)
    expect(await listed({ ...orthanc, LastUpdate: '20261128T141012' }, 'orthanc')).not.toBe(state)
  })

  it.each(['00100020', '00100010', '00201208', '00080050', '0008041F'])(
    'of QIDO-RS is another with another %s',
    async (tag) => {
      const state = await listed(qido, 'dicomweb')
      expect(await listed({ ...qido, [tag]: text('LO', 'other') }, 'dicomweb')).not.toBe(state)
      // No name, and no number, of a patient.
      expect(state).toMatch(/^[0-9a-f]{16}$/)
    },
  )

  it.each(['00100020', '00201206', '00201208'])('of QIDO-RS is unknown without %s', async (tag) => {
    const { [tag]: _, ...rest } = qido as Readonly<Record<string, unknown>>
    expect(await listed(rest, 'dicomweb')).toBeUndefined()
    // A server that does not count returns the element empty.
    for (const empty of [{ vr: 'IS' }, { vr: 'IS', Value: [] }, { vr: 'IS', Value: [null] }]) {
      expect(await listed({ ...qido, [tag]: empty }, 'dicomweb')).toBeUndefined()
    }
  })
})

describe('an image that is not found', () => {
  const key = { partition: 'x', studyInstanceUid: '1.2', seriesInstanceUid: '1.2.1', sopInstanceUid: '1.2.1.1' }
  const element = (value: string) => ({ vr: 'UI', Value: [value] })
  const other = (sop: string) => ({
    ...{ '00080016': element('1.2.840.10008.5.1.4.1.1.2'), '00080018': element(sop), '0020000E': element('1.2.1') },
  })
  const asked = async (ofStudy: (url: string) => object) => {
    const { archive } = await sourceOf((seen, response) =>
      (seen.url.includes('/instances/') ? json(404, {}) : json(200, ofStudy(seen.url)))(seen, response),
    )
    return archive.instance(key)()
  }

  it('is gone when its study can be read, and does not have it', async () => {
    expect(await asked(() => [other('1.2.1.2')])).toEqual(E.right(O.none))
  })

  it('is not taken for gone when its study has it, or is not found either', async () => {
    expect(await asked(() => [other('1.2.1.1')])).toMatchObject({ left: { _tag: 'ServiceUnavailable' } })
    expect(await asked(() => [])).toMatchObject({ left: { _tag: 'ServiceUnavailable', status: 404 } })
  })
})

it('a bad request of a study is an outage: no other address is tried for it', async () => {
  const { archive, urls } = await sourceOf(json(400, {}))
  expect(await archive.study('Microsoft.Default', '1.2')()).toMatchObject({ left: { status: 400 } })
  expect(urls()).toEqual(['/dicom-web/studies/1.2/metadata'])
})

describe('metadata of a study', () => {
  const text = (value: string) => ({ vr: 'UI', Value: [value] })
  const indexed = (sop: string) => ({ '0020000D': text('1.2'), '0020000E': text('1.2.1'), '00080018': text(sop) })
  const whole = (sop: string) => ({ ...indexed(sop), '00080016': text('1.2.840.10008.5.1.4.1.1.2') })

  it.each([
    ['has no such series', 404, {}],
    ['has fewer images', 200, [whole('1.2.1.1')]],
  ])('that is read by series is not taken for all of it where a series %s', async (_, status, body) => {
    const { archive } = await sourceOf((seen, response) =>
      (seen.url.includes('/series/') ? json(status, body) : json(200, [indexed('1.2.1.1'), indexed('1.2.1.2')]))(
        seen,
        response,
      ),
    )
    expect(await archive.study('Microsoft.Default', '1.2')()).toMatchObject({ left: { _tag: 'ServiceUnavailable' } })
  })

  it('that is of another study is none of this one', async () => {
    const { archive } = await sourceOf(json(200, [whole('1.2.1.1'), { ...whole('1.2.1.2'), '0020000D': text('1.3') }]))
    expect(await archive.study('Microsoft.Default', '1.2')()).toMatchObject({ left: { _tag: 'ServiceUnavailable' } })
    const own = await sourceOf(json(200, [whole('1.2.1.1')]))
    expect(await own.archive.study('Microsoft.Default', '1.2')()).toMatchObject({ right: [{}] })
  })
})

it('the API of an Orthanc whose endpoint has no path lies at its root', async () => {
  const { url, seen } = await serve(json(200, { Changes: [], Done: true, Last: 1 }))
  const settings = {
    endpoint: url,
    privateEndpoint: undefined,
    source: 'orthanc',
    version: '',
    maxPageBytes: 1,
  } as const
  expect(await orthancSource(settings, callOf('dicom')).log?.rows(0, 1)()).toMatchObject({ right: { last: 1 } })
  expect(seen.map((each) => each.url)).toEqual(['/changes?since=0&limit=1'])
})
