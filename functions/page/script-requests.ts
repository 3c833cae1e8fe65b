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
  throw error
}

const say = (kind, text) => {
  byId('message').dataset.kind = kind
  byId('message').textContent = text
}
`
