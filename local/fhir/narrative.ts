// https://hl7.org/fhir/R4/narrative.html#xhtml: basic formatting only, nothing active, nothing from elsewhere (txt-1,
// txt-2).

const elements = new Set(
  (
    'a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd del dfn div dl dt em ' +
    'h1 h2 h3 h4 h5 h6 hr i img ins kbd li map ol p pre q s samp small span strike strong sub sup ' +
    'table tbody td tfoot th thead tr tt u ul var'
  ).split(' '),
)
const token = /<!--.*?-->|<(\/?)([A-Za-z][\w:-]*)((?:\s+[\w:-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|[^<]+|</gs
const strayAmpersand = /&(?!(#\d+|#x[0-9a-fA-F]+|[A-Za-z]\w*);)/
const scripted = /\s(on\w+|xlink:\w+)\s*=|(href|src)\s*=\s*["']\s*javascript:/i

/** Why the text is no narrative that R4 allows; undefined when it is. */
export const narrativeProblem = (xhtml: string): string | undefined => {
  if (!/^<div\s[^>]*xmlns\s*=\s*["']http:\/\/www\.w3\.org\/1999\/xhtml["']/.test(xhtml.trim())) {
    return 'the narrative is no div in the XHTML namespace'
  }
  const open: string[] = []
  let hasContent = false
  for (const [part, closing, name, attributes = '', selfClosing] of xhtml.trim().matchAll(token)) {
    if (part.startsWith('<!--')) continue
    if (part === '<' || strayAmpersand.test(part)) return 'the narrative is not well-formed'
    if (name === undefined) {
      if (open.length === 0) return 'there is text outside of the div'
      hasContent ||= part.trim() !== ''
      continue
    }
    if (!elements.has(name)) return `the narrative has an element that is not allowed: ${name}`
    if (scripted.test(attributes)) return 'the narrative has an attribute that is not allowed'
    if (closing === '/') {
      if (open.pop() !== name) return 'the tags of the narrative do not nest'
    } else if (selfClosing !== '/') open.push(name)
    hasContent ||= name === 'img'
  }
  if (open.length > 0) return 'the tags of the narrative do not nest'
  return hasContent ? undefined : 'the narrative has no content (txt-2)'
}
