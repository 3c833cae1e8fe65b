import type { Extension, Observation } from 'fhir/r4'

type Status = Observation['status']

/**
 * What a report says of itself that other reports of its study must know: the status that a superseded one gets back,
 * and which is the newer one. Kept in its summary, so that a report that comes or goes need not have the others read again.
 */
export interface ReportFacts {
  /** Content date and time, `YYYY-MM-DDThh:mm:ss.ffffff` as far as they are known, as the file has them; '' for none. */
  readonly content: string
  /** Reports of other kinds say nothing about each other. */
  readonly kind: 'x-ray' | 'radiopharmaceutical'
  /** By its own flags. */
  readonly status: Status
}

const factsUrl = 'urn:uuid:0f3f64d6-6c1a-5b0e-8d0e-5a4ad4f6e2b7'
const statusReasonUrl = 'http://hl7.org/fhir/StructureDefinition/event-statusReason'
const withdrawnReason = 'withdrawn: deleted in the DICOM service'

const statuses: ReadonlySet<string> = new Set(['preliminary', 'final', 'unknown'])

/** None of a summary of the version before. */
export const factsOf = ({ extension = [] }: Observation): ReportFacts | undefined => {
  const facts = extension.find(({ url }) => url === factsUrl)?.extension ?? []
  const said = (name: string): Extension | undefined => facts.find(({ url }) => url === name)
  const [content, kind, status] = [said('content')?.valueString, said('kind')?.valueCode, said('status')?.valueCode]
  if ((kind !== 'x-ray' && kind !== 'radiopharmaceutical') || !statuses.has(status ?? '')) return undefined
  return { content: content ?? '', kind, status: status as Status }
}

export const factsExtension = ({ content, kind, status }: ReportFacts): Extension => ({
  url: factsUrl,
  extension: [
    ...(content === '' ? [] : [{ url: 'content', valueString: content }]),
    { url: 'kind', valueCode: kind },
    { url: 'status', valueCode: status },
  ],
})

const isOurReason = ({ url, valueCodeableConcept }: Extension): boolean =>
  url === statusReasonUrl && valueCodeableConcept?.text === withdrawnReason

/** Emptied because the server refused to delete it: ours to delete, and to revive when its report comes back. */
export const isWithdrawn = ({ status, extension = [] }: Observation): boolean =>
  status === 'cancelled' && extension.some(isOurReason)

/** Somebody else has said that it does not count: that stays said. */
export const isAnothersWord = (observation: Observation): boolean =>
  observation.status === 'entered-in-error' || (observation.status === 'cancelled' && !isWithdrawn(observation))

/** What others have put into it, without what we did. */
export const extensionsOfOthers = ({ extension = [] }: Observation): ReadonlyArray<Extension> =>
  extension.filter((each) => each.url !== factsUrl && !isOurReason(each))

/** Elements that a report says. */
export const saidByReports = [
  'effectiveDateTime',
  'valueString',
  'device',
  'bodySite',
  'component',
  'hasMember',
] as const

/**
 * What stands in the place of an Observation that others refer to: who, what and where from, without a value. R4 keeps
 * `entered-in-error` for what never happened.
 */
export const withdrawn = (observation: Observation): Observation => {
  const { text, extension: _extension, ...rest } = observation
  for (const element of saidByReports) delete rest[element]
  return {
    ...rest,
    ...(text === undefined || text.status === 'generated' || text.status === 'extensions' ? {} : { text }),
    extension: [
      ...extensionsOfOthers(observation),
      { url: statusReasonUrl, valueCodeableConcept: { text: withdrawnReason } },
    ],
    status: 'cancelled',
  }
}
