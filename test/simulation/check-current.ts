import type { FhirResource } from 'fhir/r4'
import { checkId } from '../../lib/domain/fhir/position'
import type { FhirStore, Outcome, Transaction } from './fhir-store'
import type { Process } from './process'

/** What was written under a fence (our position, or a lane): which version of it, and at which version of the fence. */
interface Written {
  readonly version: number
  readonly fence: string
  readonly at: number
}

export interface CurrentCheck {
  /** What a transaction does not know that was written before the position on which it is built; before it is carried out. */
  readonly unknown: (bundle: Transaction, process: Process) => ReadonlyArray<string>
  readonly carriedOut: (bundle: Transaction, outcome: Outcome, process: Process) => void
  /** It is carried out later: what its sender reads until then is nothing to it. */
  readonly sent: (bundle: Transaction, process: Process) => void
  /** It was told that this was carried out, and not which version it wrote: it asks for that, and that alone. */
  readonly untold: (bundle: Transaction, process: Process) => void
  /** A Basic is read: what fences a transaction. */
  readonly read: (path: string, process: Process) => void
  /** A study was read of the archive, whole. */
  readonly archive: (study: string, process: Process) => void
  /** A look-up begins; what it brought is told to what it gives back. */
  readonly lookUp: (process: Process) => (tokens: string, found: ReadonlyArray<FhirResource>) => void
}

const versionIn = (ifMatch: string | undefined): number => Number(/\d+/.exec(ifMatch ?? '')?.[0] ?? NaN)

const positionOf = ({ entry = [] }: Transaction) =>
  entry.find(({ request }) => request?.url.startsWith('Basic/') === true && !request.url.endsWith(checkId))?.request

const isLane = (url: string): boolean => url.includes('-lane-')

const studyIn = (resource: FhirResource | undefined): string | undefined =>
  resource?.resourceType === 'ImagingStudy' ? resource.identifier?.[0]?.value : undefined

const namesOf = (resource: FhirResource | undefined): ReadonlyArray<string> =>
  resource?.resourceType === 'Patient' ? (resource.identifier ?? []).map(({ value = '' }) => value) : []

/** A Patient of none of the identifiers: whom the server takes for another it finds whatever is known of him. */
const isMistaken = (created: FhirResource | undefined, hit: FhirResource): boolean =>
  hit.resourceType === 'Patient' && !namesOf(hit).some((value) => namesOf(created).includes(value))

const refersTo = ({ entry = [] }: Transaction, fullUrl: string): boolean =>
  entry.some(({ resource }) => JSON.stringify(resource ?? {}).includes(`"reference":"${fullUrl}"`))

/**
 * A transaction that our position lets through rests on a look-up which knows all that this feed wrote until then (ADR 2),
 * whenever the look-up was made: it updates no older version, and creates nothing that stood there. Of a study that it writes
 * nothing was looked up before another run wrote, whatever that wrote, or before the position was read; and in a lane nothing
 * was read of the archive before that. And nothing hangs on
 * whom the server takes for another.
 */
export const makeCurrentCheck = (store: FhirStore): CurrentCheck => {
  const written = new Map<string, Written>()
  /** In which order everybody read, looked up and wrote. */
  let moment = 0
  /** Who wrote last under a fence. */
  const writes = new Map<string, Array<{ readonly process: Process; readonly moment: number }>>()
  const reads = new Map<string, number>()
  const untold = new Map<Process, string>()
  const versionAt = (path: string): string => `${path} ${store.versionOf(path)}`
  /** When a study was looked up: by process, by study. */
  const lookedUp = new Map<Process, Map<string, number>>()
  const knownTo = (process: Process, url: string) => ({
    known: new Map(lookedUp.get(process)),
    readAt: reads.get(`${process.name} ${url}`) ?? 0,
  })
  const archived = new Map<string, number>()
  const sentWith = new Map<Transaction, ReturnType<typeof knownTo>>()
  return {
    archive: (study, process) => void archived.set(`${process.name} urn:oid:${study}`, ++moment),
    sent: (bundle, process) => void sentWith.set(bundle, knownTo(process, positionOf(bundle)?.url ?? '')),
    untold: (bundle, process) => void untold.set(process, versionAt(positionOf(bundle)?.url ?? '')),
    read: (path, process) => {
      // Nobody has written since: what it looked up before is as good as if the answer had told the version.
      if (untold.get(process) !== versionAt(path)) reads.set(`${process.name} ${path}`, ++moment)
    },
    lookUp: (process) => {
      const begun = ++moment
      const known = lookedUp.get(process) ?? new Map<string, number>()
      lookedUp.set(process, known)
      return (tokens, found) => {
        const named = [...tokens.matchAll(/urn:oid:[\d.]+/g)].map(([uid]) => uid)
        for (const uid of [...named, ...found.flatMap((each) => studyIn(each) ?? [])]) known.set(uid, begun)
      }
    },
    unknown: (bundle, process) => {
      const position = positionOf(bundle)
      const builtOn = versionIn(position?.ifMatch)
      if (position === undefined || store.versionOf(position.url) !== builtOn) return []
      const isOlder = (path: string, version: number): boolean => {
        const ours = written.get(path)
        const isSame = ours !== undefined && ours.fence === position.url
        return isSame && ours.at <= builtOn && version < ours.version
      }
      const conditions = store.conditions(bundle)
      const creates = (bundle.entry ?? []).filter(({ request }) => request?.method === 'POST')
      const studies = (bundle.entry ?? []).flatMap(({ resource }) => studyIn(resource) ?? [])
      const { known, readAt } = sentWith.get(bundle) ?? knownTo(process, position.url)
      const othersAt = Math.max(
        0,
        ...(writes.get(position.url) ?? []).flatMap((each) => (each.process === process ? [] : [each.moment])),
      )
      const isBefore = (uid: string, at: number): boolean => (known.get(uid) ?? Infinity) < at
      return [
        ...studies
          .filter((uid) => isBefore(uid, readAt))
          .map((uid) => `${uid} was looked up before the position was read`),
        ...studies
          .filter((uid) => isBefore(uid, othersAt))
          .map((uid) => `${uid} was looked up before another run wrote`),
        ...(isLane(position.url) ? studies : [])
          .filter((uid) => (archived.get(`${process.name} ${uid}`) ?? 0) < othersAt)
          .map((uid) => `${uid} was read of the archive before another worker wrote`),
        ...(bundle.entry ?? []).flatMap(({ request: { method, url = '', ifMatch } = {} }) =>
          method !== 'POST' && url !== position.url && isOlder(url, versionIn(ifMatch))
            ? [`${method} ${url} of ${ifMatch} does not know what was written at position ${written.get(url)?.at}`]
            : [],
        ),
        ...creates.flatMap(({ request, resource, fullUrl = '' }, index) =>
          (conditions[index] ?? []).flatMap((hit) => {
            const path = `${hit.resourceType}/${hit.id}`
            // One that goes alone, since a server may take it for another, attaches nothing to whom it finds.
            if (isMistaken(resource, hit))
              return refersTo(bundle, fullUrl) ? [`what is ${request?.ifNoneExist}'s would hang on ${path}`] : []
            return isOlder(path, 0) ? [`${request?.ifNoneExist} is created, and was as ${path}`] : []
          }),
        ),
      ].map((what) => `built on position ${builtOn}: ${what}`)
    },
    carriedOut: (bundle, outcome, process) => {
      const position = positionOf(bundle)
      if (outcome._tag === 'Refused' || position === undefined) return
      const fence = position.url
      writes.set(fence, [...(writes.get(fence) ?? []), { process, moment: ++moment }])
      const at = store.versionOf(fence)
      for (const path of outcome.written) written.set(path, { version: store.versionOf(path), fence, at })
    },
  }
}
