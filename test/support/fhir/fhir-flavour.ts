/** Where R4 servers may differ and do. */
export interface FhirFlavour {
  /** Status of an update whose If-Match is stale: Azure 412, HAPI 409. */
  readonly stale: 409 | 412
  /** Status of an invalid resource: Azure 400, HAPI 422. */
  readonly invalid: 400 | 422
  /** Unknown search parameters are ignored unless the client prefers strict handling; HAPI always refuses them. */
  readonly ignoresUnknownParameters: boolean
}

export const azureFlavour: FhirFlavour = { stale: 412, invalid: 400, ignoresUnknownParameters: true }
export const hapiFlavour: FhirFlavour = { stale: 409, invalid: 422, ignoresUnknownParameters: false }
