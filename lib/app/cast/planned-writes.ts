import type { FhirResource } from 'fhir/r4'
import type { Plan } from '../../domain/batch/plan'
import type { Snapshot } from '../../domain/batch/snapshot'

/** One write of a plan, as an operator may see it: which resource and which elements, never a value. */
export interface PlannedWrite {
  readonly action: 'create' | 'update' | 'delete'
  readonly type: string
  /** None for what is only about to be created. */
  readonly id?: string
  /** Elements that change, in alphabetical order. */
  readonly elements?: ReadonlyArray<string>
}

interface Entry {
  readonly resource?: FhirResource
  readonly request: { readonly method: 'POST' | 'PUT' | 'DELETE'; readonly url: string }
}

const current = (snapshot: Snapshot, type: string, id: string): object | undefined => {
  if (type === 'Patient') return snapshot.patients.get(id)
  if (type === 'Observation') return snapshot.observations.get(id)
  if (type === 'Endpoint') return snapshot.endpoints.find((each) => each.id === id)
  return [...snapshot.studies.values()].flat().find((each) => each.id === id)
}

const changed = (before: object, after: object): ReadonlyArray<string> => {
  const [old, now] = [before as Record<string, unknown>, after as Record<string, unknown>]
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((name) => name !== 'meta' && JSON.stringify(old[name]) !== JSON.stringify(now[name]))
    .sort()
}

export const plannedWrites = ({ units }: Pick<Plan, 'units'>, snapshot: Snapshot): ReadonlyArray<PlannedWrite> =>
  units
    .flatMap(({ entries }) => entries)
    .map(({ text }): PlannedWrite => {
      const { resource, request } = JSON.parse(text) as Entry
      const [type = '', id = ''] = request.url.split('/')
      if (request.method === 'POST') return { action: 'create', type }
      if (request.method === 'DELETE') return { action: 'delete', type, id }
      const before = current(snapshot, type, id)
      return {
        ...{ action: 'update', type, id },
        ...(before === undefined || resource === undefined ? {} : { elements: changed(before, resource) }),
      }
    })
