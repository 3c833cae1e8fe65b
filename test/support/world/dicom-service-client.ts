import { afterEach } from '@jest/globals'
import type { DicomService, DicomServiceOptions } from '../../../local/dicom/service'
import { startDicomService } from '../../../local/dicom/service'

const open: DicomService[] = []

/** A DICOM service that ends with the test. */
export const dicomService = async (options: DicomServiceOptions = {}): Promise<DicomService> => {
  const service = await startDicomService(options)
  open.push(service)
  return service
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((service) => service.close()))
})

export interface Answered {
  readonly status: number
  readonly text: string
  readonly headers: Headers
}

export const request = async (service: DicomService, path: string, init: RequestInit = {}): Promise<Answered> => {
  const response = await fetch(`${service.url}${path}`, { redirect: 'manual', ...init })
  return { status: response.status, text: await response.text(), headers: response.headers }
}

export const getJson = async <A>(service: DicomService, path: string): Promise<A> =>
  JSON.parse((await request(service, path)).text) as A

export const send = (service: DicomService, method: string, path: string, body: unknown): Promise<Answered> =>
  request(service, path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } })
