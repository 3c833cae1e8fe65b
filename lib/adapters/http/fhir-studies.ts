import type { FhirResource, ImagingStudy } from 'fhir/r4'
import * as E from 'fp-ts/Either'
import * as O from 'fp-ts/Option'
import * as RA from 'fp-ts/ReadonlyArray'
import * as TE from 'fp-ts/TaskEither'
import { flow, pipe } from 'fp-ts/function'
import type { HeldStudies } from '../../app/ports-operator'
import { codeSystems } from '../../domain/fhir/code-systems'
import { withoutTrailing } from '../../domain/text'
import type { Call } from './authorized'
import { jsonOfSuccess } from './fhir-answer'
import { type FhirSettings, asSearchset, hitsOf, nextOf, queryOf } from './fhir-searchset'

const maxAnswerBytes = 64 * 1024 * 1024

// As the standard writes it, or without the prefix.
const uidsIn = ({ identifier }: ImagingStudy): ReadonlyArray<string> =>
  (identifier ?? []).flatMap(({ system, value }) => {
    const uid = value?.replace(/^urn:oid:/, '')
    return system === codeSystems.dicomUid && uid !== undefined && /^[\d.]{1,64}$/.test(uid) ? [uid] : []
  })

/** A page of the studies that FHIR holds: their identifiers alone, where the server can leave out the rest. */
export const fhirHeldStudies = (settings: FhirSettings, call: Call): HeldStudies => {
  const base = withoutTrailing(settings.endpoint, '/')
  const headers = { accept: 'application/fhir+json', 'cache-control': 'no-cache', prefer: 'handling=strict' }
  return {
    page: (endpoints, next) => {
      const query = queryOf({
        type: 'ImagingStudy',
        parameters: [
          ['endpoint', endpoints.map((id) => `Endpoint/${id}`).join(',')],
          ['_elements', 'identifier'],
          ['_count', '200'],
        ],
      })
      return pipe(
        call({ method: 'GET', url: next ?? `${base}/ImagingStudy?${query}`, headers, maxBytes: maxAnswerBytes }),
        TE.flatMapEither(flow(jsonOfSuccess('a search for ImagingStudies by endpoint'), E.flatMap(asSearchset))),
        TE.flatMapEither((searchset) =>
          pipe(
            E.Do,
            E.bind('hits', () => hitsOf('ImagingStudy', searchset)),
            E.bind('next', () => nextOf(base, settings.linkOrigins)(searchset)),
            E.map(({ hits, next: after }) => ({
              studies: pipe(
                hits,
                RA.chain((hit: FhirResource) => (hit.resourceType === 'ImagingStudy' ? uidsIn(hit) : [])),
              ),
              next: O.toUndefined(after),
            })),
          ),
        ),
      )
    },
  }
}
