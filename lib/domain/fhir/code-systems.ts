import type { CodeableConcept, Coding } from 'fhir/r4'

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

/** What R4's published DCM CodeSystem prints for a modality; it is older than PS3.16, and has none for the newest. */
const modalityNames: ReadonlyMap<string, string> = new Map(
  `
  AR Autorefraction | BI Biomagnetic imaging | BMD Bone Mineral Densitometry | CR Computed Radiography |
  CT Computed Tomography | DG Diaphanography | DX Digital Radiography | ECG Electrocardiography |
  EPS Cardiac Electrophysiology | ES Endoscopy | GM General Microscopy | HD Hemodynamic Waveform |
  IO Intra-oral Radiography | IVOCT Intravascular Optical Coherence Tomography | IVUS Intravascular Ultrasound |
  KER Keratometry | LEN Lensometry | LS Laser surface scan | MG Mammography | MR Magnetic Resonance |
  NM Nuclear Medicine | OAM Ophthalmic Axial Measurements | OCT Optical Coherence Tomography |
  OP Ophthalmic photography | OPM Ophthalmic Mapping | OPT Ophthalmic Tomography | OPV Ophthalmic Visual Field |
  OSS Optical Survace Scanner | PT Positron emission tomography | PX Panoramic X-Ray | RF Radiofluoroscopy |
  RG Radiographic imaging | RTIMAGE Radiotherapy Image | SM Slide Microscopy | SRF Subjective Refraction |
  TG Thermography | US Ultrasound | BDUS Ultrasound Bone Densitometry | VA Visual Acuity | XA X-Ray Angiography |
  XC External-camera Photography | AU Audio | HC Hard Copy | KO Key Object Selection | OT Other Modality |
  PR Presentation State | REG Registration | RTDOSE Radiotherapy Dose | RTPLAN Radiotherapy Plan |
  RTRECORD Radiotherapy Treatment Record | RTSTRUCT Radiotherapy Structure Set | SEG Segmentation |
  SMR Stereometric Relationship | SR Structured Report Document | AS Angioscopy | CD Color flow Doppler |
  CF Cinefluorography | CP Culposcopy | CS Cystoscopy | DD Duplex Doppler | DF Digital fluoroscopy |
  DM Digital microscopy | DS Digital Subtraction Angiography | EC Echocardiography | FA Fluorescein angiography |
  FS Fundoscopy | LP Laparoscopy | MA Magnetic resonance angiography | MS Magnetic resonance spectroscopy |
  OPR Ophthalmic Refraction | ST Single-photon emission computed tomography | VF Videofluorography
`
    .split('|')
    .map((row) => {
      const [code = '', ...words] = row.trim().split(/\s+/)
      return [code, words.join(' ')]
    }),
)

/** A coding of our tables, with the display that R4's own code system gives it. */
export const dicomModality = (code: string): Coding => {
  const display = modalityNames.get(code)
  return { system: codeSystems.dcm, code, ...(display === undefined ? {} : { display }) }
}

/** DCM 110180: what the identifier of a study is. */
export const studyInstanceUidType: CodeableConcept = {
  coding: [{ system: codeSystems.dcm, code: '110180', display: 'Study Instance UID' }],
}

/** v2-0203, as R4 publishes it. */
export const identifierTypes = codes(`
  AC ACSN AM AMA AN ANC AND ANON ANT APRN ASID BA BC BCFN BCT BR BRN BSNR CC CONM CY CZ DC DCFN DDS DEA DFN DI DL
  DN DO DP DPM DR DS EI EN ESN FDR FDRFN FI FILL GI GL GN HC IND JHN LACSN LANR LI LN LR MA MB MC MCD MCN MCR MCT
  MD MI MR MRT MS NBSNR NCT NE NH NI NII NIIP NP NPI OBI OD PA PC PCN PE PEN PHC PHE PHO PI PLAC PN PNT PPIN PPN
  PRC PRN PT QA RI RN RPH RR RRI RRP SB SID SL SN SNBSN SNO SP SR SS STN TAX TN TPR TRL U UDI UPIN USID VN VP VS
  WC WCN WP XV XX
`)
