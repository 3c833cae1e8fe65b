import type { Coding, Meta } from 'fhir/r4'
import { withoutFragment } from './unchanged'
import { withoutTrailing } from '../text'

/**
 * The DICOM service as FHIR knows it. `root` is its public URL without version and trailing slash: the version may
 * change, the marks of what was written must not.
 */
export interface DicomRoot {
  readonly root: string
  readonly version: string
  /** What the feed has been called since its first run; none: as its root says (feedIdOf). */
  readonly feedId?: string
  /** Roots that the feed had before, oldest first. What carries one of them is ours still. */
  readonly formerRoots?: ReadonlyArray<string>
}

/** Every root that the feed ever had, the oldest first. */
export const rootsOf = ({ root, formerRoots = [] }: DicomRoot): ReadonlyArray<string> => [
  ...new Set([...formerRoots, root]),
]

/** What digests of the feed are made with: it stays when the service gets another name. */
export const firstRoot = (dicom: DicomRoot): string => rootsOf(dicom)[0] ?? dicom.root

export const dicomRoot = (endpoint: string, version: string): DicomRoot => {
  const url = new URL(endpoint)
  const path = withoutTrailing(url.pathname, '/')
  const own = /\/(v\d+)$/i.exec(path)
  return {
    root: `${url.origin}${own === null ? path : path.slice(0, -own[0].length)}`,
    version: own?.[1] ?? version,
  }
}

const partitionPath = (partition: string): string =>
  partition === 'Microsoft.Default' ? '' : `/partitions/${partition}`

/** What `/studies/{uid}` can be appended to. */
export const wadoAddress = ({ root, version }: DicomRoot, partition: string): string =>
  `${root}${version === '' ? '' : `/${version}`}${partitionPath(partition)}`

/** `meta.source` of what is written for a partition. */
export const sourceOf = ({ root }: DicomRoot, partition: string): string => `${root}${partitionPath(partition)}`

// A UUID is a system that anybody may mint: no domain has to be ours for ever.
export const ourNamespace = '6f0a5b52-8a0b-5d0a-9d5e-2f7c1c0f7a11'
export const ourTag: Coding = {
  system: `urn:uuid:${ourNamespace}`,
  code: 'dicomcast',
  display: 'Written by DICOMcast',
}

/** An address of the DICOM service, whatever version it names. */
export const unversioned = (address: string): string =>
  withoutTrailing(withoutFragment(address), '/').replace(/\/v\d+(?=\/partitions\/|$)/i, '')

/** Written by this product, or by the original, for this partition, under whatever name the service had then. */
export const isSourceOf = (meta: Meta | undefined, dicom: DicomRoot, partition: string): boolean => {
  if (meta?.source === undefined) return false
  const source = unversioned(meta.source).toLowerCase()
  return rootsOf(dicom).some((root) => source === sourceOf({ ...dicom, root }, partition).toLowerCase())
}

/** The root of ours that a source names. */
const rootIn = (source: string, dicom: DicomRoot): string | undefined => {
  const lower = source.toLowerCase()
  return rootsOf(dicom).find(
    (root) => lower === root.toLowerCase() || lower.startsWith(`${root.toLowerCase()}/partitions/`),
  )
}

/** Written by this product, or by the original, for any partition of this DICOM service. */
export const isOfService = (meta: Meta | undefined, dicom: DicomRoot): boolean =>
  rootIn(unversioned(meta?.source ?? ''), dicom) !== undefined

/** The original, which wrote for the same service, had none. */
export const carriesOurTag = (meta: Meta | undefined): boolean =>
  (meta?.tag ?? []).some((tag) => tag.system === ourTag.system && tag.code === ourTag.code)

/** Our mark: our tag, and a source that is this DICOM service, in any of its partitions. */
export const carriesOurMark = (meta: Meta | undefined, dicom: DicomRoot): boolean =>
  isOfService(meta, dicom) && carriesOurTag(meta)

/** The partition that a resource with our mark was written for. */
export const partitionOf = (dicom: DicomRoot, meta: Meta | undefined): string => {
  const source = unversioned(meta?.source ?? '')
  return source.slice(`${rootIn(source, dicom) ?? dicom.root}/partitions/`.length) || 'Microsoft.Default'
}

export const ourMeta = (source: string): Meta => ({ source, tag: [ourTag] })
