/** The key stays in this closure: it leaves the address bar at once, and goes to no storage. */
export const requests = String.raw`
const asked = new URL(location.href)
let key = asked.searchParams.get('code') ?? undefined
if (key !== undefined) {
  asked.searchParams.delete('code')
  history.replaceState(null, '', asked.pathname + asked.search + asked.hash)
}

/** The answer, or an Error with words for a person. Our own routes stand beside this page. */
const call = async (method, path, body) => {
  const headers = { accept: 'application/json' }
  if (key !== undefined) headers['x-functions-key'] = key
  if (body !== undefined) headers['content-type'] = 'application/json'
  const sent = body === undefined ? undefined : JSON.stringify(body)
  let response
  try {
    response = await fetch(path, { method, headers, body: sent, cache: 'no-store', credentials: 'same-origin' })
  } catch {
    throw new Error('The function app does not answer.')
  }
  const answer = await response.json().catch(() => undefined)
  if (response.ok && answer !== undefined) return answer
  const wantsKey = response.status === 401 || response.status === 403
  const error = new Error(
    answer?.detail ??
      (wantsKey ? 'The function app refuses the key (' + response.status + ').' : 'It answered ' + response.status + '.'),
  )
  error.wantsKey = wantsKey
  error.code = answer?.code
  throw error
}

const message = byId('message')
let said = []
/** Beside the button that was pressed; where its row or table is gone, at the next place that is still there. */
const placeMessage = () => {
  const [key, ...homes] = said
  const pressed = [...document.querySelectorAll('[data-key]')].find((each) => each.dataset.key === key + ' button')
  const beside = pressed?.closest('td, .cardHead')
  const place = beside ?? homes.map((home) => document.querySelector(home)).find((each) => each !== null) ?? byId('verdict')
  const isCell = place.matches('td')
  if (message.isConnected && (isCell ? message.parentElement : message.previousElementSibling) === place) return
  if (isCell) place.append(message)
  else place.after(message)
}
const say = (kind, text, at = []) => {
  said = at
  placeMessage()
  message.dataset.kind = kind
  message.textContent = text
}
`
