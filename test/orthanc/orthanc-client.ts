import { createHash } from 'node:crypto'
import type { Orthanc } from '../../local/orthanc'
import type { Image } from '../support/world/cast-images'
import { fileOf } from './archive-files'

/** What Orthanc calls a study; of one StudyInstanceUID there may be several. */
export const studyIdOf = (patientId: string, uid: string): string =>
  createHash('sha1')
    .update(`${patientId}|${uid}`)
    .digest('hex')
    .replace(/.{8}(?=.)/g, '$&-')

export type Level = 'patients' | 'studies' | 'series' | 'instances'

/** The few requests of Orthanc's own API of which these tests are made. What it refuses, throws. */
export interface OrthancClient {
  readonly get: <A>(path: string) => Promise<A>
  readonly store: (...images: ReadonlyArray<Image>) => Promise<void>
  readonly remove: (level: Level, id: string) => Promise<void>
  /** Answers with the id of what came of it. */
  readonly modify: (level: Level, id: string, how: unknown) => Promise<string>
  readonly anonymise: (id: string) => Promise<string>
  readonly clearChanges: () => Promise<void>
  /** Ids of what has this UID or PatientID, at any level. */
  readonly idsOf: (uid: string) => Promise<ReadonlyArray<string>>
  /** The one study with this StudyInstanceUID. */
  readonly idOf: (uid: string) => Promise<string>
}

export const openOrthanc = ({ url }: Pick<Orthanc, 'url'>, user?: string): OrthancClient => {
  const headers = user === undefined ? {} : { authorization: `Basic ${Buffer.from(user).toString('base64')}` }
  const send = async (method: string, path: string, body?: Uint8Array | string): Promise<string> => {
    const answer = await fetch(`${url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`)
    return text
  }
  const post = async (path: string, body: unknown): Promise<string> => {
    const { ID } = JSON.parse(await send('POST', path, JSON.stringify(body))) as { readonly ID: string }
    return ID
  }
  const idsOf: OrthancClient['idsOf'] = async (uid) =>
    (JSON.parse(await send('POST', '/tools/lookup', uid)) as ReadonlyArray<{ readonly ID: string }>).map(({ ID }) => ID)
  return {
    get: async <A>(path: string) => JSON.parse(await send('GET', path)) as A,
    store: async (...images) => {
      for (const image of images) await send('POST', '/instances', new Uint8Array(fileOf(image)))
    },
    remove: async (level, id) => void (await send('DELETE', `/${level}/${id}`)),
    modify: (level, id, how) => post(`/${level}/${id}/modify`, how),
    anonymise: (id) => post(`/studies/${id}/anonymize`, {}),
    clearChanges: async () => void (await send('DELETE', '/changes')),
    idsOf,
    idOf: async (uid) => {
      const [id, ...others] = await idsOf(uid)
      if (id === undefined || others.length > 0) throw new Error(`Orthanc has not one ${uid}`)
      return id
    },
  }
}
