import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import type { FailRow, Ports, StoredCheckpoint } from '../../../lib/app/ports'
import { runCast } from '../../../lib/app/run/run-cast'
import type { RunSummary } from '../../../lib/app/run/summary'
import { type Checkpoint, newCheckpoint } from '../../../lib/domain/checkpoint'
import { eight, feedReader } from './feed-reader'
import { memoryNames } from './memory-names'

const right = <A>(value: A) => Promise.resolve(E.right(value))

/**
 * Run after run over a feed that is only a list of rows, each with its own checkpoint read from storage. The rows name no
 * patient, so each is recorded, and the FHIR server, which holds nothing, has nothing to take out.
 */
export const feedRuns = (
  feed: Omit<Parameters<typeof feedReader>[0], 'from'>,
  begin: Checkpoint = newCheckpoint(0),
) => {
  let stored: StoredCheckpoint = { checkpoint: begin, etag: 'e0' }
  let clock = eight
  const recorded: Array<FailRow> = []
  const errors: Ports['errors'] = {
    failRows: () => () => right([]),
    record: (rows) => () => {
      recorded.push(...rows)
      return right([])
    },
    annotate: () => () => right([]),
    remove: () => () => right(undefined),
    takeBack: () => () => right(undefined),
    recordTags: () => () => right(undefined),
    recordStuck: () => () => right(undefined),
    tagRows: () => () => right([]),
    tagRowsAmong: () => () => right(O.none),
    removeTags: () => () => right(undefined),
  }
  const lease: Ports['lease'] = {
    acquire: () => () =>
      right(
        O.some({
          check: () => E.right(undefined),
          confirm: () => () => right(undefined),
          release: () => Promise.resolve(),
        }),
      ),
  }
  const memory = memoryNames()
  const { names } = memory
  const checkpoints: Ports['checkpoints'] = {
    read: () => () => right(O.some(stored)),
    readNamed: () => () => right({ checkpoint: O.some(stored), name: O.fromNullable(memory.stored()) }),
    write: (_, checkpoint) => () => {
      stored = { checkpoint: JSON.parse(JSON.stringify(checkpoint)) as Checkpoint, etag: `${stored.etag}+` }
      return right(stored)
    },
  }
  const fhir: Ports['fhir'] = {
    check: () => () => right({ offersBasic: false }),
    read: () => () => right(O.none),
    put: () => () => Promise.reject(new Error('nothing is to be written')),
    search: (searches) => () => right(searches.map(() => [])),
    transact: () => () => Promise.reject(new Error('nothing is to be written')),
  }
  const gate: Ports['gate'] = {
    read: () => () => right(O.none),
  }
  const run = async (budgetMs: number, maxBatches = 0): Promise<RunSummary> => {
    const { run: made } = feedReader({ ...feed, from: clock, budgetMs })
    const ports = { ...made.ports, names, fhir, gate, errors, lease, checkpoints, progress: () => undefined }
    const summary = await runCast(
      ports,
      { ...made.settings, maxBatches },
      { runId: 'r', budgetMs, stopping: () => false },
    )
    clock = ports.clock.now() + 60_000
    return summary
  }
  return { run, recorded, checkpoint: () => stored.checkpoint }
}
