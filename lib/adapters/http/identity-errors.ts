import type { Hop, ServiceError } from '../../domain/cast-error'

/** Whoever gives tokens is a service in trouble like another: no entry is at fault. */
export const identityDown = (reason: string, status?: number): ServiceError => ({
  ...{ _tag: 'ServiceUnavailable', hop: 'identity', reason },
  ...(status === undefined ? {} : { status }),
})

export const denied = (hop: Hop, status: number, reason: string): ServiceError => ({
  ...{ _tag: 'AccessDenied', hop, status, reason },
})
