import type { CastWorld } from './cast-world'

const ids = async (world: CastWorld, search: string): Promise<ReadonlyArray<string>> => {
  const answer = await fetch(`${world.fhir.url}/${search}`, { headers: { accept: 'application/fhir+json' } })
  const { entry = [] } = (await answer.json()) as { readonly entry?: ReadonlyArray<{ resource: { id: string } }> }
  return entry.map(({ resource }) => resource.id)
}

/** What the original looks up before it writes: an Endpoint by its name, a Patient by its identifier, a study by its UID. */
export const originalFinds = async (
  world: CastWorld,
  { patient, study }: { readonly patient: string; readonly study: string },
) => {
  const token = (text: string): string => encodeURIComponent(text)
  const name = `DICOM WADO-RS endpoint ${world.dicom.url}/`
  const type = 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type|dicom-wado-rs'
  const endpoints = await ids(world, `Endpoint?name=${token(name)}&connection-type=${token(type)}`)
  const [first] = endpoints
  const found = world.fhir.store.ofType('Endpoint').find(({ id }) => id === first)
  return {
    endpoints,
    /** It refuses every entry when this is not its own. */
    address: found?.['address'],
    patients: await ids(world, `Patient?identifier=${token(patient)}`),
    studies: await ids(world, `ImagingStudy?identifier=${token(`urn:dicom:uid|urn:oid:${study}`)}`),
  }
}
