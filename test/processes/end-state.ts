import type { Coding, FhirResource, ImagingStudy } from 'fhir/r4'
import { type ProcessWorld, type Row, type Table, tables } from './world'

type Stored = FhirResource & { readonly id?: string }

const byText = (left: string, right: string): number => (left < right ? -1 : left > right ? 1 : 0)

/** A name that does not depend on the id the server gave. */
const nameOf = (resource: Stored): string => {
  if (resource.resourceType === 'Patient') return `Patient ${resource.identifier?.map(({ value }) => value).join(' ')}`
  if (resource.resourceType === 'Endpoint') return `Endpoint ${resource.address}`
  if (resource.resourceType === 'ImagingStudy') {
    return `ImagingStudy ${resource.identifier?.[0]?.value} ${resource.meta?.source}`
  }
  return resource.resourceType
}

// A row that comes late, or again, stands last in its list: the order says nothing.
const sorted = (study: ImagingStudy): ImagingStudy => ({
  ...study,
  ...(study.modality === undefined
    ? {}
    : { modality: [...study.modality].sort((a: Coding, b: Coding) => byText(a.code ?? '', b.code ?? '')) }),
  series: [...(study.series ?? [])]
    .sort((a, b) => byText(a.uid, b.uid))
    .map((series) => ({ ...series, instance: [...(series.instance ?? [])].sort((a, b) => byText(a.uid, b.uid)) })),
})

/** What FHIR holds, without ids, versions and times; our position is there, whatever its last transaction was. */
const resourcesOf = ({ fhir }: ProcessWorld): ReadonlyArray<unknown> => {
  // Whether the server was tried depends on who committed first.
  const stored = (fhir.store.all() as unknown as ReadonlyArray<Stored>).filter(({ id }) => id !== 'dicomcast-check')
  const names = new Map(stored.map((each) => [`${each.resourceType}/${each.id}`, nameOf(each)]))
  return stored
    .map((each) => {
      if (each.resourceType === 'Basic') return { resourceType: 'Basic', id: each.id }
      const { id: _id, meta = {}, ...content } = each.resourceType === 'ImagingStudy' ? sorted(each) : each
      const { versionId: _version, lastUpdated: _updated, ...ours } = meta
      const text = JSON.stringify({ ...content, meta: ours }).replace(
        /"reference":"([^"]+)"/g,
        (_match, reference: string) => `"reference":${JSON.stringify(names.get(reference) ?? reference)}`,
      )
      return JSON.parse(text) as unknown
    })
    .sort((left, right) => byText(JSON.stringify(left), JSON.stringify(right)))
}

// Which process wrote it, and when a hole was seen, are nobody's state.
const checkpointOf = ({ Writer: _writer, Holes, ...row }: Row): Row => ({
  ...row,
  Holes: (JSON.parse(String(Holes)) as ReadonlyArray<ReadonlyArray<number>>).map(([from, to]) => [from, to]),
})

// Whether the server was tried, and when, depends on who committed first.
const feedOf = ({ FhirEndpoint: _fhir, RefusesOldIfMatch: _refuses, TriedAt: _tried, ...row }: Row): Row => row

// An entry that differs from the first one of its batch differs, when it is read again, from the Patient that one made.
// Whom it names is a digest of the service's address, and when it was judged is the process's own time. Which place an
// instance has in its study depends on what came with it.
const failRowOf = ({ Exception, JudgedAt: _judged, IdentityDigest, ...row }: Row): Row => ({
  ...row,
  ...(IdentityDigest === undefined ? {} : { IdentityDigest: 'of this service' }),
  Exception: String(Exception)
    .replace(/Patient\/[\w.-]+|the first entry with this PatientID/g, 'Patient/…')
    .replace(/(series|instance)\[\d+\]/g, '$1[…]'),
})

const rowOf: Readonly<Record<Table, (row: Row) => Row>> = {
  DicomFailToStoreExceptionTable: failRowOf,
  FhirFailToStoreExceptionTable: failRowOf,
  TransientFailureExceptionTable: failRowOf,
  InvalidDicomTagExceptionTable: (row) => row,
  TransientRetryExceptionTable: (row) => row,
  SyncStateTable: (row) => ('Holes' in row ? checkpointOf(row) : feedOf(row)),
}

export interface EndState {
  readonly resources: ReadonlyArray<unknown>
  readonly tables: Readonly<Record<string, ReadonlyArray<Row>>>
}

/** Everything that a run leaves behind, comparable between two worlds at different addresses. */
export const endStateOf = async (world: ProcessWorld): Promise<EndState> => {
  const rows = await Promise.all(
    tables.map(async (table) => [table, (await world.rows(table)).map(rowOf[table])] as const),
  )
  const state = { resources: resourcesOf(world), tables: Object.fromEntries(rows) }
  const anonymous = (text: string): string =>
    text
      .replaceAll(world.gates.urls.dicom, 'http://dicom')
      .replaceAll(world.gates.urls.fhir, 'http://fhir')
      // Named by the address of the service.
      .replace(/dicomcast-(root-)?[0-9a-f]{32}/g, 'dicomcast-$1position')
  const plain = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? Number(value) : value)
  return JSON.parse(anonymous(JSON.stringify(state, plain))) as EndState
}
