/** Canonical URIs, as FHIR's registry and PS3.16 spell them. */
export const codeSystems = {
  dcm: 'http://dicom.nema.org/resources/ontology/DCM',
  endpointConnectionType: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type',
  identifierType: 'http://terminology.hl7.org/CodeSystem/v2-0203',
  uri: 'urn:ietf:rfc:3986',
  dicomUid: 'urn:dicom:uid',
} as const

export const nameRepresentation = 'http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation'

const codes = (list: string): ReadonlySet<string> => new Set(list.trim().split(/\s+/))

/** PS3.16 CID 29: modalities that acquire; R4 wants only these in `ImagingStudy.modality`. */
export const acquisitionModalities = codes(`
  AR BI BMD CFM CR CT DG DMS DX ECG EEG EMG EOG EPS ES GM HD IO IVOCT IVUS KER LEN LS MG MR NM OAM OCT OP OPM OPT
  OPTBSV OPTENF OPV OSS PA POS PT PX RESP RF RG RTIMAGE SM SRF TG US BDUS VA XA XC
`)

/**
 * Of PS3.16 CID 33 the others (CID 32), and what Annex D defines beside it: ANN, and the retired ones. A defined term of
 * PS3.3 that is no code (RTINTENT, RTRAD, RTSEGANN, XAPROTOCOL) is written like any other term.
 */
const otherModalities = codes(`
  ASMT AU CTPROTOCOL DOC FID HC IOL KO M3D OT PLAN PR REG RTDOSE RTPLAN RTRECORD RTSTRUCT RWV SEG SMR SR STAIN
  TEXTUREMAP
  ANN
  AS CD CF CP CS DD DF DM DS EC FA FS LP MA MS OPR ST VF
`)

export const isDicomModality = (code: string): boolean => acquisitionModalities.has(code) || otherModalities.has(code)
