// Addresses inside the page: `#/clients/a%2Fb?topic=x`. The only place that writes and reads them.

/** `hrefOf(['clients', 'a/b'], { topic: 'x' })` */
export function hrefOf(parts, query) {
  return `#/${parts.map(encodeURIComponent).join('/')}${queryOf(query)}`
}

export function clientHref(clientId, query) {
  return hrefOf(['clients', clientId], query)
}

/** The parts of the present address, decoded, and its query as an object. */
export function currentRoute() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?')
  const parts = path.split('/').filter(Boolean).map(decoded)
  return { parts, query: Object.fromEntries(new URLSearchParams(query)) }
}

/** Puts `query` into the address without opening the view anew, so that a search can be shared. */
export function rememberQuery(query) {
  history.replaceState(null, '', hrefOf(currentRoute().parts, query))
}

function queryOf(query) {
  const given = Object.entries(query ?? {}).filter(
    ([, v]) => v !== '' && v !== null && v !== undefined,
  )
  return given.length > 0 ? `?${new URLSearchParams(given)}` : ''
}

// Typed by hand, an address may hold a lone per cent sign.
function decoded(part) {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
