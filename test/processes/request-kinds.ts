/** Every kind of request the app makes, in the words of the tests and of what they print. */
export const kinds = [
  'feed: newest entry',
  'feed: page',
  'feed: page without metadata',
  'DICOM: metadata of a study',
  'DICOM: metadata of an instance',
  'DICOM: partitions',
  'FHIR: metadata',
  'FHIR: pointer read',
  'FHIR: pointer written',
  'FHIR: position read',
  'FHIR: position born',
  'FHIR: batch of searches',
  'FHIR: transaction',
  'tables: checkpoint read',
  'tables: checkpoint created',
  'tables: checkpoint written',
  'tables: name read',
  'tables: name written',
  'tables: table created',
  'tables: fail rows listed',
  'tables: rows written',
  'tables: row removed',
  'tables: tag row read',
  'tables: run noted',
  'lease: container created',
  'lease: blob created',
  'lease: acquired',
  'lease: holder noted',
  'lease: renewed',
  'lease: released',
  'other',
] as const
export type Kind = (typeof kinds)[number]

export type ServiceName = 'dicom' | 'fhir' | 'table' | 'blob'

interface Seen {
  readonly service: ServiceName
  readonly method: string
  readonly url: string
  readonly body: string
  readonly leaseAction: string | string[] | undefined
}

const dicomKind = ({ url }: Seen): Kind => {
  if (url.includes('/changefeed/latest')) return 'feed: newest entry'
  if (url.includes('/changefeed')) {
    return url.includes('includeMetadata=true') ? 'feed: page' : 'feed: page without metadata'
  }
  if (url.endsWith('/partitions')) return 'DICOM: partitions'
  if (!url.endsWith('/metadata')) return 'other'
  return url.includes('/instances/') ? 'DICOM: metadata of an instance' : 'DICOM: metadata of a study'
}

const fhirKind = ({ method, url, body }: Seen): Kind => {
  if (url === '/metadata') return 'FHIR: metadata'
  if (url.startsWith('/Basic/dicomcast-root-')) return method === 'GET' ? 'FHIR: pointer read' : 'FHIR: pointer written'
  if (url.startsWith('/Basic/')) return method === 'GET' ? 'FHIR: position read' : 'FHIR: position born'
  if (method !== 'POST') return 'other'
  return body.includes('"type":"transaction"') ? 'FHIR: transaction' : 'FHIR: batch of searches'
}

const tableKind = ({ method, url, body }: Seen): Kind => {
  if (method === 'POST' && url.includes('/Tables')) return 'tables: table created'
  if (url.includes('/$batch')) return 'tables: rows written'
  if (url.includes('SyncStateTable')) {
    if (url.includes('SyncedFeed') || body.includes('"SyncedFeed"'))
      return method === 'GET' ? 'tables: name read' : 'tables: name written'
    if (method === 'GET') return 'tables: checkpoint read'
    return method === 'POST' ? 'tables: checkpoint created' : 'tables: checkpoint written'
  }
  if (url.includes('RunHistoryTable')) return 'tables: run noted'
  if (method === 'DELETE') return 'tables: row removed'
  if (method !== 'GET') return 'other'
  return url.includes('FailToStore') || url.includes('TransientFailure')
    ? 'tables: fail rows listed'
    : 'tables: tag row read'
}

const blobKind = ({ url, leaseAction }: Seen): Kind => {
  if (url.includes('restype=container')) return 'lease: container created'
  if (url.includes('comp=metadata')) return 'lease: holder noted'
  if (!url.includes('comp=lease')) return 'lease: blob created'
  switch (leaseAction) {
    case 'acquire':
      return 'lease: acquired'
    case 'renew':
      return 'lease: renewed'
    case 'release':
      return 'lease: released'
    default:
      return 'other'
  }
}

export const kindOf = (seen: Seen): Kind => {
  switch (seen.service) {
    case 'dicom':
      return dicomKind(seen)
    case 'fhir':
      return fhirKind(seen)
    case 'table':
      return tableKind(seen)
    case 'blob':
      return blobKind(seen)
  }
}
