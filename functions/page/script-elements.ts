/** Making elements, and words for numbers. Text goes in as text nodes only. */
export const elements = String.raw`
const byId = (id) => document.getElementById(id)

const fill = (node, properties, children) => {
  for (const [name, value] of Object.entries(properties)) {
    if (name === 'onclick') node.addEventListener('click', value)
    else if (value !== undefined) node.setAttribute(name, String(value))
  }
  for (const child of children.flat()) {
    if (child !== undefined) node.append(child instanceof Node ? child : document.createTextNode(String(child)))
  }
  return node
}
const el = (name, properties = {}, ...children) => fill(document.createElement(name), properties, children)
const svg = (name, properties = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', name), properties, children)

// A part is made anew only when its facts are others, and the focus stays where it was: by the key of the element.
const shown = new Map()
const put = (id, facts, build) => {
  const signature = JSON.stringify(facts) ?? ''
  if (shown.get(id) === signature) return
  shown.set(id, signature)
  const place = byId(id)
  const held = place.contains(document.activeElement) ? document.activeElement : undefined
  const open = new Set([...place.querySelectorAll('details[open]')].map((each) => each.dataset.key))
  place.replaceChildren(...[build()].flat())
  for (const each of place.querySelectorAll('details')) if (open.has(each.dataset.key)) each.open = true
  if (held === undefined) return
  const again = [...place.querySelectorAll('[data-key]')].find((each) => each.dataset.key === held.dataset.key)
  const title = place.closest('section')?.querySelector('h2[tabindex]')
  ;(again ?? title ?? byId('main')).focus({ preventScroll: again !== undefined })
}

const number = (value) => (value === undefined ? 'not known' : value.toLocaleString('en'))
const counted = (value, one, many = one + 's') => number(value) + ' ' + (value === 1 ? one : many)
const duration = (seconds) => {
  if (seconds === undefined) return 'not known'
  if (seconds < 90) return Math.round(seconds) + ' s'
  if (seconds < 90 * 60) return Math.round(seconds / 60) + ' min'
  if (seconds < 36 * 3600) return Math.round(seconds / 360) / 10 + ' h'
  return Math.round(seconds / 8640) / 10 + ' days'
}
const two = (value) => String(value).padStart(2, '0')
const clock = (time) => {
  const at = new Date(time)
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')
}
const day = (at) => [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-')
/** In the reader's own time zone; of today the time alone. */
const moment = (time) => {
  const at = new Date(time)
  if (Number.isNaN(at.getTime())) return ''
  return (day(at) === day(new Date()) ? '' : day(at) + ' ') + clock(at)
}
const when = (time) => {
  const at = new Date(time)
  return Number.isNaN(at.getTime()) ? '' : el('time', { datetime: at.toISOString(), title: at.toISOString() }, moment(at))
}
/** Our own words hold times as the servers tell them. */
const localTimes = (text) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, moment)
const shortUid = (uid) => (uid.length <= 22 ? uid : [uid.slice(0, 9), uid.slice(-10)].map((part) => part.replace(/^\.|\.$/g, '')).join('…'))

// On a narrow screen each row becomes a card with the heads beside the cells. The roles say what a table with another
// display would no longer tell a screen reader.
const table = (caption, heads, rows) =>
  el('div', { class: 'scroll', role: 'region', tabindex: 0, 'aria-label': caption, 'data-key': 'scroll ' + caption },
    el('table', { role: 'table' },
      el('caption', {}, caption),
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' },
        heads.map(([name, kind]) => el('th', { scope: 'col', role: 'columnheader', class: kind }, name)))),
      el('tbody', { role: 'rowgroup' }, rows.map((cells) => el('tr', { role: 'row' },
        cells.map(([kind, ...children], index) =>
          el('td', { role: 'cell', class: kind, 'data-head': heads[index][0] }, ...children)))))))
`
