import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'

// Small pages for people who try the local services: static HTML, which escapes every value and runs no script.

/** Text that is HTML already. All else is escaped by `markup`. */
export interface Html {
  readonly html: string
}
type Part = string | number | Html | ReadonlyArray<Html>

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')

const textOf = (part: Part): string => {
  if (typeof part === 'string' || typeof part === 'number') return escaped(String(part))
  return 'html' in part ? part.html : part.map(textOf).join('')
}

export const markup = (texts: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Html => ({
  html: texts.map((text, index) => text + textOf(parts[index] ?? '')).join(''),
})

/** A link of ours: what is between the slashes may be anything. */
export const link = (base: string, path: ReadonlyArray<string>, text: string): Html =>
  markup`<a href="${base}/${path.map(encodeURIComponent).join('/')}">${text}</a>`

export const listOf = (items: ReadonlyArray<Html>, nothing: string): Html =>
  items.length === 0 ? markup`<p>${nothing}</p>` : markup`<ul>${items.map((item) => markup`<li>${item}</li>`)}</ul>`

export const moreOf = (count: number): Html => (count > 0 ? markup`<p>… and ${count} more</p>` : markup``)

export interface Page {
  readonly title: string
  readonly body: Html
}

/** Where the other services of the stack are; one that is not ours has no pages. */
export interface Neighbours {
  readonly functions?: string | undefined
  readonly dicom?: string | undefined
  readonly fhir?: string | undefined
}

const style = `
:root { color-scheme: light dark; --page: #f5f6f8; --card: #fff; --text: #16191d; --quiet: #545c66; --line: #dde1e7; --link: #0b57b0 }
@media (prefers-color-scheme: dark) {
  :root { --page: #101317; --card: #191d23; --text: #e2e6eb; --quiet: #a3adb8; --line: #2b323b; --link: #7db5ff }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 0 1.25rem 3rem; max-width: 64rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, 'Segoe UI', 'Open Sans', 'DejaVu Sans', sans-serif; overflow-wrap: anywhere }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 1rem 0 }
h1 { font-size: 1.75rem; line-height: 1.2; margin: .5rem 0 1rem }
h2 { font-size: 1.125rem; margin: 2rem 0 .5rem }
a { color: var(--link) }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
p, summary { max-width: 44rem }
ul, dl { margin: 0; padding: 0; list-style: none; border: 1px solid var(--line); border-radius: .6rem; background: var(--card) }
li, dl div { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 18rem), 1fr)); gap: .1rem 1.5rem;
  padding: .5rem 1rem; border-top: 1px solid var(--line) }
li:first-child, dl div:first-child { border-top: 0 }
dt, .quiet { color: var(--quiet) }
dd { margin: 0 }
li > *, dl div > * { min-width: 0 }
li p { margin: 0 }
code, pre { font: .875rem/1.5 ui-monospace, 'DejaVu Sans Mono', monospace }
pre { white-space: pre-wrap; padding: .75rem 1rem; border: 1px solid var(--line); border-radius: .6rem; background: var(--card) }
`

const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const homes: ReadonlyArray<readonly [keyof Neighbours, string]> = [
  ['functions', 'Local stack'],
  ['dicom', 'DICOM service'],
  ['fhir', 'FHIR service'],
]

const documentOf = ({ title, body }: Page, neighbours: Neighbours): string => {
  const links = homes.flatMap(([name, text]) => {
    const url = neighbours[name]
    return url === undefined ? [] : [link(url, [], text)]
  })
  const nav = links.length === 0 ? '' : markup`<nav aria-label="Services">${links}</nav>`
  return markup`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${{ html: style }}</style>
${nav}
<main>
<h1>${title}</h1>
${body}
</main>
</html>
`.html
}

/** The path of a page that a browser asks for, in parts; undefined for whoever asks for something else. */
export const askedPage = ({ method, url = '', headers }: IncomingMessage): ReadonlyArray<string> | undefined => {
  const [path = ''] = url.split('?')
  if (method !== 'GET') return undefined
  if (path === '/') return headers.accept?.includes('text/html') === true ? [] : undefined
  if (!path.startsWith('/_local/view/')) return undefined
  try {
    return path.split('/').slice(3).map(decodeURIComponent)
  } catch {
    return undefined
  }
}

const nothingHere: Page = { title: 'Not here', body: markup`<p>There is nothing at this address, or no longer.</p>` }

export const sendPage = (response: ServerResponse, page: Page | undefined, neighbours: Neighbours): void => {
  response
    .writeHead(page === undefined ? 404 : 200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policy,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })
    .end(documentOf(page ?? nothingHere, neighbours))
}
