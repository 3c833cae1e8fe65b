import type { DicomRoot } from '../fhir/provenance'

/** What the mapping may be told. */
export interface MappingSettings {
  readonly dicom: DicomRoot
  /** Without trailing slash: absolute URLs of updated resources start with it. */
  readonly fhirBase: string
  readonly enforceValidation: boolean
  readonly defaultTimeZone: string | undefined
  /** Optional elements that are not written, as their rules name them. */
  readonly excludedElements: ReadonlySet<string>
  readonly patient: {
    readonly systemId: string | undefined
    readonly partitionSystems: Readonly<Record<string, string>>
    readonly isIssuerIdUsed: boolean
    readonly issuerSystems: Readonly<Record<string, string>>
    /** In upper case. */
    readonly rejectedIds: ReadonlySet<string>
    readonly matchGuard: boolean
    /** As FHIR writes dates. */
    readonly placeholderBirthDates: ReadonlySet<string>
    readonly aliasNames: ReadonlyArray<string>
    readonly overwrite: 'own' | 'never' | 'always'
  }
}
