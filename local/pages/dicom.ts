import { data } from 'dcmjs'
import { tagOf } from '../../lib/domain/dicom/tags'
import { textOf } from '../dicom/dataset-text'
import { type Feed, type Instance, type InstanceKey, isLive } from '../dicom/feed'
import { leavesOf } from './leaves'
import { type Attribute, type MappedElement, mapImage } from './mapped-image'
import { type Html, type Neighbours, type Page, link, listOf, markup, moreOf } from './page'

const shown = 200
const longest = 200

/** Values as a person reads them: a name in its groups, a sequence as JSON; never more than a line or three. */
const valueText = (value: unknown): string => {
  const name = (value as { Alphabetic?: unknown } | null)?.Alphabetic
  const text = typeof value === 'string' ? value : typeof name === 'string' ? name : JSON.stringify(value)
  return text.length > longest ? `${text.slice(0, longest)} …` : text
}

const tagText = (tag: string): string => `(${tag.slice(0, 4)},${tag.slice(4)})`

const attribute = ({ keyword, values }: Attribute): Html => {
  const text = values.length === 0 ? '(empty)' : values.map(valueText).join(' \\ ')
  return markup`<p>${keyword} <span class="quiet">${tagText(tagOf(keyword))}</span><br><code>${text}</code></p>`
}

const leaf = ([path, value]: readonly [string, string]): Html =>
  markup`<br><code><span class="quiet">${path}</span> ${value}</code>`

const pair = ({ element, from, to, why }: MappedElement): Html => {
  const left = why === undefined ? '' : markup`<p>Left out: ${why}</p>`
  return markup`<div>${from.map(attribute)}</div><div><p>${element}${leavesOf(to ?? {}).map(leaf)}</p>${left}</div>`
}

const unreadLine = ([tag, value]: readonly [string, unknown]): Html => {
  const { Value: values } = (value ?? {}) as { readonly Value?: unknown }
  const name = data.DicomMetaDictionary.dictionary[tagText(tag)]?.name ?? 'private or unknown'
  const text = Array.isArray(values) ? valueText(values.map(valueText).join(' \\ ')) : '(empty, or bulk data)'
  return markup`<span>${name} <span class="quiet">${tagText(tag)}</span></span><code>${text}</code>`
}

const imagePage = (instance: Instance, { fhir }: Neighbours): Page => {
  const { elements, rejected, absent, unread } = mapImage(instance.last?.metadata ?? '{}')
  const [written, left] = [elements.filter(({ to }) => to), elements.filter(({ to }) => !to)]
  const inFhir =
    fhir === undefined ? '' : link(`${fhir}/_local/view`, ['study', instance.studyInstanceUid], 'Its study in FHIR')
  const verdict =
    rejected === ''
      ? markup`<p>The rules of DICOMcast, with default settings, make this of it. ${inFhir}</p>`
      : markup`<p><strong>Not in FHIR:</strong> ${rejected}. A rule requires it, so the whole image is kept out, and listed in
<code>DicomFailToStoreExceptionTable</code>. The rest would become this:</p>`
  const nothing = absent.length === 0 ? 'none' : absent.join(', ')
  return {
    title: 'An image in DICOM, and in FHIR',
    body: markup`<p>Image <code>${instance.sopInstanceUid}</code></p>
${verdict}
<h2>DICOM attributes, and the FHIR elements they become</h2>
${listOf(written.map(pair), 'Nothing.')}
<h2>Left out, and why</h2>
${listOf(left.map(pair), 'Nothing: every attribute that a rule reads became an element.')}
<p>Elements whose attributes this image does not have: ${nothing}.</p>
<h2>Not read</h2>
<p>No rule reads these: they say how the image was made, or what FHIR has no element for. They stay in the DICOM service.</p>
<details><summary>${unread.length} attributes</summary>${listOf(unread.map(unreadLine), 'None.')}</details>`,
  }
}

const pathOf = (key: InstanceKey): ReadonlyArray<string> => [
  '_local',
  'view',
  key.partitionName,
  key.studyInstanceUid,
  key.seriesInstanceUid,
  key.sopInstanceUid,
]

const line = (instance: Instance): Html => {
  const dataset: unknown = JSON.parse(instance.last?.metadata ?? '{}')
  const of = (tag: string, otherwise: string): string => textOf(dataset, tag) || otherwise
  const what = `${of('00080060', '?')} ${of('0008103E', of('00081030', 'image'))}, ${of('00200013', 'no number')}`
  return markup`${link('', pathOf(instance), what)}<span class="quiet">PatientID ${of('00100020', 'none')}</span>`
}

const indexPage = (feed: Feed): Page => {
  const live = [...new Set(Array.from(feed.rows(), ({ instance }) => instance))].filter(isLive)
  return {
    title: 'Local DICOM service',
    body: markup`<p>It holds ${live.length} images. Open one to see it beside the FHIR elements that it becomes.</p>
      ${listOf(live.slice(0, shown).map(line), 'Store a DICOM file, and it is listed here.')}
${moreOf(live.length - shown)}
      <h2>For programs</h2>
      ${listOf(
        [
          markup`<a href="/v2/changefeed?includeMetadata=false">Change feed</a><code>/v2/changefeed</code>`,
          markup`<a href="/v2/studies">Studies (QIDO-RS)</a><code>/v2/studies</code>`,
          markup`<a href="/_local/faults">Fault switches</a><code>/_local/faults</code>`,
        ],
        '',
      )}`,
  }
}

/** The pages of the local DICOM service; undefined where there is none. */
export const dicomPage = (feed: Feed, path: ReadonlyArray<string>, neighbours: Neighbours): Page | undefined => {
  if (path.length === 0) return indexPage(feed)
  const [partitionName = '', studyInstanceUid = '', seriesInstanceUid = '', sopInstanceUid = ''] = path
  const [instance] = feed.liveInstances({ partitionName, studyInstanceUid, seriesInstanceUid, sopInstanceUid })
  return instance === undefined ? undefined : imagePage(instance, neighbours)
}
