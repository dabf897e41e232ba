// Requests to the REST interface, and what went wrong with one, in words.

/** The status of what cannot be asked at all. */
const NEVER = -1

/** A request that failed. `message` is for people; `status` is 0 when nothing answered. */
export class Failure extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }

  /** Asking again would not help, or only open the browser's sign-in window again and again. */
  get isFinal() {
    return this.status === 401 || this.status === NEVER
  }
}

export function get(path, query, signal) {
  return request('GET', path, { query, signal })
}

export function post(path, body) {
  return request('POST', path, { body })
}

export function remove(path, query) {
  return request('DELETE', path, { query })
}

/** `get`, or null where there is no such thing. */
export async function find(path, query, signal) {
  try {
    return await get(path, query, signal)
  } catch (error) {
    if (error.status === 404) return null
    throw error
  }
}

/** The path of one client or session. Browsers take `.` and `..` for steps, however written. */
export function pathOf(collection, clientId) {
  if (clientId === '.' || clientId === '..') {
    throw new Failure(NEVER, `No browser can ask for a client called \`${clientId}\`.`)
  }
  return `${collection}/${encodeURIComponent(clientId)}`
}

async function request(method, path, { query, body, signal }) {
  let response
  try {
    response = await fetch(urlOf(path, query), {
      method,
      signal,
      cache: 'no-store',
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new Failure(0, 'The broker does not answer. It may be stopped, or the network down.')
  }
  if (!response.ok) throw new Failure(response.status, await wordsFor(response))
  return response.status === 204 ? null : readJson(response)
}

// Relative to the page, so that all of it may be served below a path by a proxy.
function urlOf(path, query) {
  const url = new URL(`api/v1/${path}`, document.baseURI)
  url.hash = ''
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') url.searchParams.set(name, value)
  }
  return url
}

async function readJson(response) {
  try {
    return await response.json()
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new Failure(response.status, 'The answer could not be read. Is a proxy in between?')
  }
}

async function wordsFor(response) {
  if (response.status === 401) {
    return 'Not signed in, or the password has changed. Reload the page to sign in.'
  }
  const problem = await response.json().catch(() => ({}))
  const told = problem.detail ?? problem.title
  if (told) return told
  if (response.status === 404) return 'There is no such thing here.'
  return `The broker answered with status ${response.status}.`
}
