import type { FhirResource } from 'fhir/r4'
import { isWithdrawn } from '../mapping/dose/standing'

/** It is as we left it when the server refused to delete it: nobody has put anything into it since. */
export const isEmptied = (resource: FhirResource): boolean => {
  switch (resource.resourceType) {
    case 'ImagingStudy':
      return (resource.series ?? []).length === 0
    case 'Observation':
      return isWithdrawn(resource)
    default:
      return false
  }
}
