import { expect, it } from '@jest/globals'
import { startFhirService } from '../../local/fhir/service'
import { castAsOriginal } from '../bench/originals-way'
import { idsOf } from '../bench/workload'

it('the bench’s original makes three searches and one transaction an image, and one request at its start', async () => {
  const fhir = await startFhirService({ validate: false })
  try {
    const images = [1, 2, 3, 4].map((sequence) => idsOf({ entries: 4, instancesPerStudy: 3 }, sequence))
    expect(await castAsOriginal(fhir.url, 'https://dicom.example/', images)).toBe(17)
    const counts = (['Endpoint', 'Patient', 'ImagingStudy'] as const).map((type) => fhir.store.ofType(type).length)
    expect(counts).toEqual([1, 1, 2])
    const studies = fhir.store.ofType('ImagingStudy') as ReadonlyArray<{ readonly series?: unknown }>
    expect(studies.map(({ series }) => (series as [{ instance: unknown[] }])[0].instance.length)).toEqual([3, 1])
  } finally {
    await fhir.close()
  }
})
