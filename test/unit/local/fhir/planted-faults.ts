export type Json = Record<string, unknown>

const narrative = (content: string): Json => ({
  status: 'generated',
  div: `<div xmlns="http://www.w3.org/1999/xhtml">${content}</div>`,
})

/** Valid resources that use many types; every fault below is one small change to one of them. */
export const patient: Json = {
  resourceType: 'Patient',
  id: 'p-1',
  meta: { source: 'https://dicom.example/v2', tag: [{ system: 'urn:example:tags', code: 'cast' }] },
  text: narrative('<p class="x">Jane <b>Doe</b> &amp; co<br/></p>'),
  contained: [{ resourceType: 'Organization', id: 'org', name: 'Ward' }],
  extension: [
    {
      url: 'http://example.org/nested',
      extension: [{ url: 'inner', valueCode: 'a' }],
    },
  ],
  identifier: [
    {
      use: 'usual',
      type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MR' }] },
      system: 'urn:oid:1.2.36.146.595.217.0.1',
      value: '12345',
      period: { start: '2001-05', end: '2001-05-06' },
      assigner: { display: 'Acme' },
    },
  ],
  active: true,
  name: [
    {
      use: 'usual',
      family: 'Doe',
      given: ['Jane', null],
      _given: [null, { id: 'second', extension: [{ url: 'http://example.org/initial', valueString: 'X' }] }],
    },
  ],
  telecom: [{ system: 'phone', value: '555', rank: 1 }],
  gender: 'female',
  birthDate: '1970-02-28',
  _birthDate: {
    extension: [
      { url: 'http://hl7.org/fhir/StructureDefinition/patient-birthTime', valueDateTime: '1970-02-28T13:28:17-05:00' },
    ],
  },
  deceasedBoolean: false,
  _deceasedBoolean: { id: 'deceased' },
  maritalStatus: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus', code: 'M' }] },
  photo: [{ contentType: 'image/png', data: 'AAAA' }],
  contact: [{ name: { family: 'Doe' } }],
  communication: [{ language: { text: 'Danish' } }],
  generalPractitioner: [{ reference: 'Practitioner/1', type: 'Practitioner' }],
  managingOrganization: { reference: '#org' },
  link: [{ other: { reference: 'http://example.org/fhir/Patient/p-2/_history/3' }, type: 'seealso' }],
}

const endpoint: Json = {
  resourceType: 'Endpoint',
  status: 'active',
  identifier: [{ system: 'urn:ietf:rfc:3986', value: 'https://dicom.example/v2' }],
  connectionType: { system: 'http://terminology.hl7.org/CodeSystem/endpoint-connection-type', code: 'dicom-wado-rs' },
  name: 'DICOM WADO-RS endpoint',
  payloadType: [{ text: 'DICOM WADO-RS' }],
  payloadMimeType: ['application/dicom', 'multipart/related; type="application/dicom"'],
  address: 'https://dicom.example/v2',
}

export const study: Json = {
  resourceType: 'ImagingStudy',
  identifier: [{ system: 'urn:dicom:uid', value: 'urn:oid:2.16.124.113543.6003' }],
  basedOn: [{ type: 'ServiceRequest', identifier: { value: 'A1' } }],
  status: 'available',
  modality: [{ system: 'http://dicom.nema.org/resources/ontology/DCM', code: 'CT' }],
  subject: { reference: 'Patient/p-1' },
  started: '2026-01-31T10:00:00.123456+01:00',
  endpoint: [{ reference: 'Endpoint/e-1' }],
  numberOfSeries: 1,
  numberOfInstances: 1,
  note: [{ text: 'chest' }],
  series: [
    {
      uid: '2.16.124.113543.6003.1',
      number: 0,
      modality: { system: 'http://dicom.nema.org/resources/ontology/DCM', code: 'CT' },
      performer: [{ actor: { display: 'Dr. Who' } }],
      instance: [
        {
          uid: '2.16.124.113543.6003.1.1',
          sopClass: { system: 'urn:ietf:rfc:3986', code: 'urn:oid:1.2.840.10008.5.1.4.1.1.2' },
          number: 1,
        },
      ],
    },
  ],
}

const observation: Json = {
  resourceType: 'Observation',
  status: 'final',
  category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'imaging' }] }],
  code: { coding: [{ system: 'http://loinc.org', code: '73569-6' }] },
  subject: { reference: 'Patient/p-1' },
  effectiveDateTime: '2026-01',
  issued: '2026-01-31T10:00:00Z',
  valueString: 'one',
  referenceRange: [{ low: { value: 1.5, system: 'http://unitsofmeasure.org', code: 'mGy' } }],
  component: [
    {
      code: { coding: [{ system: 'http://dicom.nema.org/resources/ontology/DCM', code: '113813' }] },
      valueQuantity: { value: 2.5, unit: 'mGy.cm', system: 'http://unitsofmeasure.org', code: 'mGy.cm' },
    },
  ],
}

export const basic: Json = {
  resourceType: 'Basic',
  id: 'dicomcast-0',
  code: { text: 'position' },
  created: '2026-01-31',
}

export const samples = { patient, endpoint, study, observation, basic }

/** A copy in which the member at the path is the value; undefined takes it away. */
export const changed = (resource: Json, path: string, value: unknown): Json => {
  const copy = structuredClone(resource)
  const steps = path.split('.')
  const last = steps.pop() ?? ''
  const parent = steps.reduce<Json>((inner, step) => inner[step] as Json, copy)
  if (value === undefined) delete parent[last]
  else parent[last] = value
  return copy
}

/** What is put where in which sample, the rule that catches it, and at which path when it is not the obvious one. */
type Fault = readonly [
  name: string,
  sample: keyof typeof samples,
  path: string,
  value: unknown,
  rule: string,
  caughtAt?: string,
]

// prettier-ignore
export const faults: ReadonlyArray<Fault> = [
  // structure
  ['an unknown member', 'patient', 'birthdate', '1970-02-28', 'unknown-member'],
  ['an unknown member deep inside', 'study', 'series.0.instance.0.sopclass', 'x', 'unknown-member'],
  ['an element that the definitions package has added to R4', 'patient', 'meta.project', 'x', 'unknown-member'],
  ['an element of R5', 'observation', 'triggeredBy', [], 'unknown-member'],
  ['an underscore before what is no primitive', 'patient', '_name', [{ id: 'x' }], 'unknown-member'],
  ['resourceType inside a data type', 'patient', 'name.0.resourceType', 'HumanName', 'unknown-member'],
  ['a resource that R4 does not have', 'basic', 'resourceType', 'Basics', 'resource-type', 'Basics'],
  ['an abstract resource', 'basic', 'resourceType', 'DomainResource', 'resource-type', 'DomainResource'],
  ['a missing required element', 'study', 'status', undefined, 'cardinality'],
  ['a missing required reference', 'study', 'subject', undefined, 'cardinality'],
  ['a missing required element in a backbone', 'study', 'series.0.instance.0.sopClass', undefined, 'cardinality'],
  ['a missing required list', 'endpoint', 'payloadType', undefined, 'cardinality'],
  ['a missing required element of a data type',
    'study', 'note.0', { time: '2026' }, 'cardinality', 'ImagingStudy.note[0].text'],
  ['a value where a list belongs', 'patient', 'name', { family: 'Doe' }, 'type'],
  ['a list where a value belongs', 'study', 'subject', [{ reference: 'Patient/p-1' }], 'type'],
  ['an object where text belongs', 'patient', 'name.0.family', { value: 'Doe' }, 'type'],
  ['text where an object belongs', 'endpoint', 'connectionType', 'dicom-wado-rs', 'type'],
  ['an empty object', 'basic', 'subject', {}, 'empty'],
  ['an element with an id and nothing else', 'basic', 'subject', { id: 'x' }, 'empty'],
  ['an empty coding', 'endpoint', 'payloadType', [{ coding: [{}] }], 'empty', 'Endpoint.payloadType[0].coding[0]'],
  ['an empty list', 'patient', 'name.0.given', [], 'empty'],
  ['an id of a primitive that has no value', 'endpoint', '_implicitRules', { id: 'x' }, 'empty', 'Endpoint.implicitRules'],
  ['null for a value', 'patient', 'gender', null, 'empty'],
  ['null for a data type', 'patient', 'maritalStatus', null, 'empty'],
  ['null in a list', 'patient', 'name', [null], 'empty', 'Patient.name[0]'],
  ['null in a list of primitives, with nothing beside it', 'endpoint', 'payloadMimeType.1', null, 'empty'],
  ['lists of a primitive and its extensions that do not match', 'patient', 'name.0.given', ['Jane'], 'type'],
  ['two values of one choice', 'patient', 'deceasedDateTime', '2020', 'choice', 'Patient.deceased[x]'],
  ['two values of one choice in a component',
    'observation', 'component.0.valueString', 'x', 'choice', 'Observation.component[0].value[x]'],
  ['a type that the choice does not have', 'observation', 'component.0.valueDecimal', 1, 'unknown-member'],
  // primitive types
  ['empty text', 'patient', 'name.0.family', '', 'lexical'],
  ['blank text', 'patient', 'name.0.family', ' ', 'lexical'],
  ['a control character', 'patient', 'name.0.family', 'D\u0000oe', 'lexical'],
  ['text for a boolean', 'patient', 'active', 'true', 'type'],
  ['a number for text', 'patient', 'identifier.0.value', 12345, 'type'],
  ['text for a number', 'study', 'series.0.number', '1', 'type'],
  ['a negative unsignedInt', 'study', 'series.0.number', -1, 'lexical'],
  ['an unsignedInt that is too large', 'study', 'series.0.number', 2147483648, 'lexical'],
  ['a fractional unsignedInt', 'study', 'numberOfSeries', 1.5, 'lexical'],
  ['a positiveInt of zero', 'patient', 'telecom.0.rank', 0, 'lexical'],
  ['text for a decimal', 'observation', 'component.0.valueQuantity.value', '2.5', 'type'],
  ['a date as DICOM writes it', 'patient', 'birthDate', '19700228', 'lexical'],
  ['a day that the calendar does not have', 'patient', 'birthDate', '1970-02-29', 'lexical'],
  ['a month that the calendar does not have', 'patient', 'birthDate', '1970-13', 'lexical'],
  ['the year 0', 'patient', 'birthDate', '0000', 'lexical'],
  ['a date with a time', 'patient', 'birthDate', '1970-02-28T00:00:00Z', 'lexical'],
  ['a dateTime without offset', 'study', 'started', '2026-01-31T10:00:00', 'lexical'],
  ['a dateTime without seconds', 'study', 'started', '2026-01-31T10:00Z', 'lexical'],
  ['a dateTime with an offset as DICOM writes it', 'study', 'started', '2026-01-31T10:00:00+0100', 'lexical'],
  ['an offset that no place has', 'study', 'started', '2026-01-31T10:00:00+15:00', 'lexical'],
  ['hour 24', 'study', 'started', '2026-01-31T24:00:00Z', 'lexical'],
  ['a dateTime on an impossible day', 'study', 'started', '2026-02-30T10:00:00Z', 'lexical'],
  ['a partial instant', 'observation', 'issued', '2026-01-31', 'lexical'],
  ['a code with blanks around it', 'patient', 'identifier.0.type.coding.0.code', ' MR', 'lexical'],
  ['an id with an underscore', 'basic', 'id', 'dicom_cast', 'lexical'],
  ['an id of 65 characters', 'basic', 'id', 'a'.repeat(65), 'lexical'],
  ['an id of an instance that is longer than 64 characters',
    'study', 'series.0.instance.0.uid', '1.'.repeat(33) + '1', 'lexical'],
  ['a URL with a blank', 'endpoint', 'address', 'https://dicom.example/a b', 'lexical'],
  ['a meta.source that is no URI', 'patient', 'meta.source', 'our feed', 'lexical'],
  ['base64 that is none', 'patient', 'photo.0.data', 'AAA', 'lexical'],
  ['a system that is empty, as the original wrote it', 'patient', 'identifier.0.system', '', 'lexical'],
  // URIs and OIDs
  ['an identifier system that is a name', 'patient', 'identifier.0.system', 'HOSPITAL', 'absolute-uri'],
  ['a coding system that is a name, as the original wrote it', 'study', 'modality.0.system', 'DCM', 'absolute-uri'],
  ['a unit system that is a name', 'observation', 'component.0.valueQuantity.system', 'UCUM', 'absolute-uri'],
  ['an extension URL that is relative', 'patient', 'extension.0.url', 'nested', 'absolute-uri'],
  ['an OID system that is too short', 'patient', 'identifier.0.system', 'urn:oid:1.2.3', 'lexical'],
  ['an OID with a leading zero', 'patient', 'identifier.0.system', 'urn:oid:1.2.036.146.595', 'lexical'],
  ['a UUID system in upper case',
    'patient', 'identifier.0.system', 'urn:uuid:9F3F1B9E-0C5B-4E5B-8A0E-3A5A3C3D9B11', 'lexical'],
  ['a study identifier that is a bare UID', 'study', 'identifier.0.value', '2.16.124.113543.6003', 'oid'],
  ['a study identifier with a broken UID', 'study', 'identifier.0.value', 'urn:oid:2.16..0124', 'oid'],
  ['a SOP class that is a bare UID',
    'study', 'series.0.instance.0.sopClass.code', '1.2.840.10008.5.1.4.1.1.2', 'absolute-uri'],
  ['a URI identifier that is none', 'endpoint', 'identifier.0.value', 'dicom.example/v2', 'absolute-uri'],
  // terminology
  ['a gender as DICOM writes it', 'patient', 'gender', 'F', 'binding'],
  ['a code in upper case', 'endpoint', 'status', 'Active', 'binding'],
  ['a use that names do not have', 'patient', 'name.0.use', 'secondary', 'binding'],
  ['a MIME type that is none', 'endpoint', 'payloadMimeType.0', 'dicom', 'binding'],
  ['a status of another resource', 'study', 'status', 'final', 'binding'],
  ['a narrative status that there is not', 'patient', 'text.status', 'made', 'binding'],
  ['a code that v2-0203 does not have', 'patient', 'identifier.0.type.coding.0.code', 'MRNO', 'unknown-code'],
  ['a connection type that there is not', 'endpoint', 'connectionType.code', 'dicom-wado', 'unknown-code'],
  ['a category that there is not', 'observation', 'category.0.coding.0.code', 'image', 'unknown-code'],
  // references and contained resources
  ['a reference to a wrong type', 'study', 'subject.reference', 'Practitioner/1', 'reference-target'],
  ['an absolute reference to a wrong type',
    'study', 'endpoint.0.reference', 'https://fhir.example/Patient/1', 'reference-target'],
  ['a logical reference to a wrong type', 'study', 'basedOn.0.type', 'Patient', 'reference-target'],
  ['a reference whose type is another one', 'patient', 'generalPractitioner.0.type', 'Organization', 'reference-type'],
  ['a reference type that there is not', 'study', 'basedOn.0.type', 'Order', 'reference-type'],
  ['a reference that is an id alone', 'study', 'subject.reference', 'p-1', 'reference'],
  ['a reference with a slash before it', 'study', 'subject.reference', '/Patient/p-1', 'reference'],
  ['a reference that is a search', 'study', 'subject.reference', 'Patient?identifier=1', 'reference'],
  ['a reference to a resource that R4 does not have', 'study', 'subject.reference', 'Person1/1', 'reference'],
  ['a reference to nothing contained', 'patient', 'managingOrganization.reference', '#none', 'ref-1'],
  ['a reference to a contained resource of a wrong type',
    'patient', 'link.0.other.reference', '#org', 'reference-target'],
  ['a contained resource that nothing refers to',
    'patient', 'managingOrganization', undefined, 'dom-3', 'Patient.contained[0]'],
  ['a contained resource without id', 'patient', 'contained.0.id', undefined, 'cardinality'],
  ['two contained resources of one id',
    'patient', 'contained.1', { resourceType: 'Organization', id: 'org', name: 'Other' }, 'contained', 'Patient.contained[1].id'],
  ['a contained resource that is invalid', 'patient', 'contained.0.active', 'yes', 'type'],
  ['a contained resource with a version', 'patient', 'contained.0.meta', { versionId: '1' }, 'dom-4', 'Patient'],
  ['a contained resource that contains another',
    'patient', 'contained.0.contained', [{ resourceType: 'Basic', id: 'b', code: { text: 'x' } }], 'dom-2', 'Patient'],
  // extensions and narrative
  ['an extension with a value and extensions',
    'patient', 'extension.0.valueString', 'x', 'ext-1', 'Patient.extension[0]'],
  ['an extension without a value',
    'patient', 'extension.0.extension.0.valueCode', undefined, 'ext-1', 'Patient.extension[0].extension[0]'],
  ['an extension without URL', 'patient', 'extension.0.extension.0.url', undefined, 'cardinality'],
  ['a broken extension of a primitive',
    'patient', '_birthDate.extension.0.valueDateTime', '1970-1', 'lexical', 'Patient.birthDate.extension[0].valueDateTime'],
  ['a narrative that is not well-formed', 'patient', 'text', narrative('<p>Jane'), 'txt-1', 'Patient.text.div'],
  ['a narrative with a bare ampersand', 'patient', 'text', narrative('A & B'), 'txt-1', 'Patient.text.div'],
  ['a narrative with a script', 'patient', 'text', narrative('<script>x</script>'), 'txt-1', 'Patient.text.div'],
  ['a narrative with an event handler',
    'patient', 'text', narrative('<p onclick="x">y</p>'), 'txt-1', 'Patient.text.div'],
  ['a narrative without content', 'patient', 'text', narrative(' <p> </p>'), 'txt-1', 'Patient.text.div'],
  ['a narrative outside of the XHTML namespace', 'patient', 'text.div', '<div>Jane</div>', 'txt-1'],
  // invariants
  ['a contact without any detail (pat-1)', 'patient', 'contact.0', { gender: 'male' }, 'pat-1'],
  ['a telecom value without system (cpt-2)', 'patient', 'telecom.0.system', undefined, 'cpt-2', 'Patient.telecom[0]'],
  ['a period that ends before it starts (per-1)',
    'patient', 'identifier.0.period.end', '2000-01-01', 'per-1', 'Patient.identifier[0].period'],
  ['data without content type (att-1)', 'patient', 'photo.0.contentType', undefined, 'att-1', 'Patient.photo[0]'],
  ['a unit code without system (qty-3)',
    'observation', 'component.0.valueQuantity.system', undefined, 'qty-3', 'Observation.component[0].valueQuantity'],
  ['a comparator in a SimpleQuantity (sqty-1)',
    'observation', 'referenceRange.0.low.comparator', '<', 'sqty-1', 'Observation.referenceRange[0].low'],
  ['a reference range without content (obs-3)',
    'observation', 'referenceRange.0', { age: { low: { value: 1 } } }, 'obs-3'],
  ['a value and the reason of its absence (obs-6)',
    'observation', 'dataAbsentReason', { text: 'x' }, 'obs-6', 'Observation'],
  ['a value and a component of the same code (obs-7)',
    'observation', 'component.0.code.coding.0', { system: 'http://loinc.org', code: '73569-6' }, 'obs-7', 'Observation'],
]

/** `name.0.given` of a Patient is `Patient.name[0].given` in a report. */
export const reportedPath = (sample: keyof typeof samples, path: string): string =>
  path
    .split('.')
    .reduce(
      (at, step) => (/^\d+$/.test(step) ? `${at}[${step}]` : `${at}.${step}`),
      String(samples[sample]['resourceType']),
    )
