import type { Resource, StoreReader } from '../fhir/store'
import { experimentOf, experimentSteps } from './experiment'
import { leavesOf } from './leaves'
import { type Html, type Neighbours, type Page, link, listOf, markup, moreOf } from './page'

const shown = 50
const mostRows = 400
const mostImages = 200

type Json = Readonly<Record<string, unknown>>
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null
const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const first = (value: unknown): Json => (Array.isArray(value) && isObject(value[0]) ? value[0] : {})

const uidOf = ({ identifier }: Resource): string => {
  const all: ReadonlyArray<unknown> = Array.isArray(identifier) ? identifier : []
  const uid = all.find((each) => isObject(each) && each['system'] === 'urn:dicom:uid')
  return text(isObject(uid) ? uid['value'] : '').replace('urn:oid:', '')
}

const imagesText = (count: number): string => (count === 1 ? '1 image' : `${count} images`)

/** One line about a resource, for a person. */
const lineOf = (resource: Resource): string => {
  const name = first(resource['name'])
  const given = Array.isArray(name['given']) ? name['given'].map(text).join(' ') : ''
  const told: Readonly<Record<string, ReadonlyArray<string>>> = {
    Patient: [
      `${given} ${text(name['family'])}`.trim() || text(name['text']) || 'without a name',
      text(resource['gender']),
      text(resource['birthDate']),
    ],
    ImagingStudy: [
      text(first(resource['modality'])['code']) || 'study',
      text(resource['description']),
      text(resource['started']),
      imagesText(Number(resource['numberOfInstances'] ?? 0)),
    ],
    Observation: [text((resource['code'] as Json | undefined)?.['text']) || 'radiation dose', text(resource['status'])],
  }
  return (told[resource.resourceType] ?? [resource.resourceType]).filter((each) => each !== '').join(', ')
}

const itemOf = (resource: Resource): Html =>
  markup`${link('/_local/view', [resource.resourceType, resource.id ?? ''], lineOf(resource))}<code class="quiet">${resource.resourceType}/${resource.id ?? ''}</code>`

const valueOf = (value: string, store: StoreReader): Html => {
  const [type = '', id = '', more] = value.split('/')
  const isHere = more === undefined && store.read(type, id) !== undefined
  return isHere ? link('/_local/view', [type, id], value) : markup`${value}`
}

const imagesOf = (study: Resource, dicom: string): Html => {
  const partition = 'Microsoft.Default'
  const series: ReadonlyArray<unknown> = Array.isArray(study['series']) ? study['series'] : []
  const links = series
    .filter(isObject)
    .flatMap(({ uid, instance }) =>
      (Array.isArray(instance) ? instance : [])
        .filter(isObject)
        .map((each) =>
          link(
            `${dicom}/_local/view`,
            [partition, uidOf(study), text(uid), text(each['uid'])],
            `Image ${String(each['number'] ?? '')}`,
          ),
        ),
    )
  return markup`<h2 id="images">Its images, beside what they became</h2>
<nav aria-labelledby="images">${links.slice(0, mostImages)}</nav>${moreOf(links.length - mostImages)}`
}

const ofPatient = (store: StoreReader, reference: string): Html => {
  const hasIt = ({ subject }: Resource): boolean => isObject(subject) && subject['reference'] === reference
  const all = ['ImagingStudy', 'Observation'].flatMap((type) => store.ofType(type).filter(hasIt))
  return markup`<h2>What stands in this record</h2>
    ${listOf(all.slice(0, shown).map(itemOf), 'Nothing.')}`
}

const resourcePage = (store: StoreReader, resource: Resource, { dicom }: Neighbours): Page => {
  const { resourceType, id = '', meta: _, ...elements } = resource
  const leaves = leavesOf(elements)
  const rows = leaves
    .slice(0, mostRows)
    .map(([path, value]) => markup`<div><dt>${path}</dt><dd>${valueOf(value, store)}</dd></div>`)
  return {
    title: `${resourceType}: ${lineOf(resource)}`,
    body: markup`<p>${link('', [resourceType, id], 'As JSON')}</p>
      ${resourceType === 'Patient' ? ofPatient(store, `Patient/${id}`) : ''}
      ${resourceType === 'ImagingStudy' && dicom !== undefined ? imagesOf(resource, dicom) : ''}
      <h2>Elements</h2>
      <dl>${rows}</dl>
${moreOf(leaves.length - mostRows)}`,
  }
}

const why: Readonly<Record<string, string>> = {
  Patient: 'None yet.',
  ImagingStudy: 'None yet.',
  Observation: 'None: they come from radiation dose reports (SR), and none was stored.',
}

const indexPage = (store: StoreReader, url: string, { dicom }: Neighbours): Page => {
  const [study] = store.ofType('ImagingStudy')
  const changed = study === undefined || dicom === undefined ? undefined : { dicomUrl: dicom, uid: uidOf(study) }
  return {
    title: 'Local FHIR service',
    body: markup`${Object.entries(why).map(([type, nothing]) => {
      const all = store.ofType(type)
      return markup`<h2>${type} (${all.length})</h2>
${listOf(all.slice(0, shown).map(itemOf), nothing)}
${moreOf(all.length - shown)}`
    })}
      <h2>Make it fail, and watch</h2>
      ${experimentOf(experimentSteps(url, changed))}
      <p>What else can fail: <code>curl ${url}/_local</code></p>`,
  }
}

/** The pages of the local FHIR service; undefined where there is none. */
export const fhirPage = (
  store: StoreReader,
  path: ReadonlyArray<string>,
  url: string,
  neighbours: Neighbours,
): Page | undefined => {
  const [type = '', id = ''] = path
  if (path.length === 0) return indexPage(store, url, neighbours)
  const found =
    type === 'study' ? store.ofType('ImagingStudy').find((each) => uidOf(each) === id) : store.read(type, id)
  return found === undefined ? undefined : resourcePage(store, found, neighbours)
}
