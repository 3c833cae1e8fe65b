import { describe, expect, it } from '@jest/globals'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as TE from 'fp-ts/TaskEither'
import type { Run } from '../../../../lib/app/context'
import { openCheckpoint } from '../../../../lib/app/run/stored-checkpoint'
import { type Checkpoint, newCheckpoint } from '../../../../lib/domain/checkpoint'

const row = { sequence: 7, id: 'an id', date: '20261128T141011' }
const ofFeed: Checkpoint = { ...newCheckpoint(7), timestamp: '2026-11-28T14:10:11Z' }
const ofLog: Checkpoint = { ...newCheckpoint(7), logRows: [row] }

const feed = undefined
const orthanc = { kind: 'orthanc', log: {} }
const dicomweb = { kind: 'dicomweb' }

const opened = async (checkpoint: Checkpoint, source: object | undefined): Promise<unknown> => {
  const stored = { checkpoint, etag: 'an etag' }
  const checkpoints = { readNamed: () => TE.right({ checkpoint: O.some(stored), name: O.none }) }
  const settings = { startFrom: 'beginning', dicom: { root: 'https://dicom.example.org' } }
  const run = {
    ports: { checkpoints, source, names: { write: () => TE.right(undefined), read: () => TE.right(O.none) } },
    settings,
  }
  const result = await openCheckpoint(run as unknown as Run)
  return E.isRight(result) ? result.right : result.left
}

describe('a checkpoint', () => {
  it.each([
    ['of a feed', ofFeed, feed],
    ['of a log', ofLog, orthanc],
    ['of a log, while the archive is asked for no log', ofLog, dicomweb],
  ])('%s is gone on from', async (_, checkpoint, source) => {
    expect(await opened(checkpoint, source)).toMatchObject({ checkpoint, etag: 'an etag' })
  })

  it.each([
    ['of a log says nothing about a feed', ofLog, feed, newCheckpoint(0)],
    ['of a feed says nothing about a log', ofFeed, orthanc, { ...newCheckpoint(0), logRows: [] }],
  ])('%s: all is cast again', async (_, checkpoint, source, expected) => {
    expect(await opened(checkpoint, source)).toEqual({ checkpoint: expected, etag: 'an etag' })
  })
})
