import type { FhirResource } from 'fhir/r4'
import { checkId } from '../../lib/domain/fhir/position'
import type { FhirStore, Outcome, Transaction } from './fhir-store'
import type { Process } from './process'

/** What was written under our position: which version of it, and at which version of the position. */
interface Written {
  readonly version: number
  readonly at: number
}

export interface CurrentCheck {
  /** What a transaction does not know that was written before the position on which it is built; before it is carried out. */
  readonly unknown: (bundle: Transaction, process: Process) => ReadonlyArray<string>
  readonly carriedOut: (bundle: Transaction, outcome: Outcome, process: Process) => void
  /** A look-up begins; what it brought is told to what it gives back. */
  readonly lookUp: (process: Process) => (tokens: string, found: ReadonlyArray<FhirResource>) => void
}

const versionIn = (ifMatch: string | undefined): number => Number(/\d+/.exec(ifMatch ?? '')?.[0] ?? NaN)

const positionOf = ({ entry = [] }: Transaction) =>
  entry.find(({ request }) => request?.url.startsWith('Basic/') === true && !request.url.endsWith(checkId))?.request

const studyIn = (resource: FhirResource | undefined): string | undefined =>
  resource?.resourceType === 'ImagingStudy' ? resource.identifier?.[0]?.value : undefined

/**
 * A transaction that our position lets through rests on a look-up which knows all that this feed wrote until then (ADR 2),
 * whenever the look-up was made: it updates no older version, and creates nothing that stood there. And of a study that it
 * writes nothing was looked up before another run wrote, whatever that wrote.
 */
export const makeCurrentCheck = (store: FhirStore): CurrentCheck => {
  const written = new Map<string, Written>()
  /** How often somebody wrote, and how often this one did. */
  let writes = 0
  const own = new Map<Process, number>()
  const byOthers = (process: Process): number => writes - (own.get(process) ?? 0)
  /** How often others had written when it was looked up: by process, by study. */
  const lookedUp = new Map<Process, Map<string, number>>()
  return {
    lookUp: (process) => {
      const before = byOthers(process)
      const known = lookedUp.get(process) ?? new Map<string, number>()
      lookedUp.set(process, known)
      return (tokens, found) => {
        for (const [uid] of tokens.matchAll(/urn:oid:[\d.]+/g)) known.set(uid, before)
        for (const { resourceType, id } of found) known.set(`${resourceType}/${id}`, before)
        for (const uid of found.map(studyIn)) if (uid !== undefined) known.set(uid, before)
      }
    },
    unknown: (bundle, process) => {
      const position = positionOf(bundle)
      const builtOn = versionIn(position?.ifMatch)
      if (position === undefined || store.versionOf(position.url) !== builtOn) return []
      const isOlder = (path: string, version: number): boolean => {
        const ours = written.get(path)
        return ours !== undefined && ours.at <= builtOn && version < ours.version
      }
      const conditions = store.conditions(bundle)
      const creates = (bundle.entry ?? []).filter(({ request }) => request?.method === 'POST')
      const studies = (bundle.entry ?? []).flatMap(({ resource }) => studyIn(resource) ?? [])
      const known = lookedUp.get(process)
      return [
        ...studies
          .filter((uid) => (known?.get(uid) ?? Infinity) < byOthers(process))
          .map((uid) => `${uid} was looked up before another run wrote`),
        ...(bundle.entry ?? []).flatMap(({ request: { method, url = '', ifMatch } = {} }) =>
          method !== 'POST' && url !== position.url && isOlder(url, versionIn(ifMatch))
            ? [`${method} ${url} of ${ifMatch} does not know what was written at position ${written.get(url)?.at}`]
            : [],
        ),
        ...creates.flatMap(({ request, resource }, index) =>
          // A Patient that goes alone, since a server may take it for another, attaches nothing to whom it finds.
          (resource?.resourceType === 'Patient' && bundle.entry?.length === 2 ? [] : (conditions[index] ?? []))
            .map(({ resourceType, id }) => `${resourceType}/${id}`)
            // Who was found, and is taken for another by the server, is no news.
            .filter((path) => isOlder(path, 0) && known?.has(path) !== true)
            .map((path) => `${request?.ifNoneExist} is created, and was as ${path}`),
        ),
      ].map((what) => `built on position ${builtOn}: ${what}`)
    },
    carriedOut: (bundle, outcome, process) => {
      const position = positionOf(bundle)
      if (outcome._tag === 'Refused' || position === undefined) return
      writes += 1
      own.set(process, (own.get(process) ?? 0) + 1)
      const at = store.versionOf(position.url)
      for (const path of outcome.written) written.set(path, { version: store.versionOf(path), at })
    },
  }
}
