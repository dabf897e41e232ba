// Who is connected.

import { fill, h } from './dom.js'
import { bytes, yesNo } from './format.js'
import { List } from './list.js'
import { empty, field, form, heading, searchBox, time, whenTyped } from './parts.js'
import { clientHref, rememberQuery } from './routes.js'
import { status } from './status.js'

export const title = () => 'Clients'

export function open(place, { query }, signal) {
  const filter = searchBox({ name: 'filter', value: query.filter })
  const list = new List(signal, {
    path: 'clients',
    noun: ['client'],
    caption: 'Connected clients',
    query: () => ({ filter: filter.value }),
    empty: emptyFor,
    key: ({ client_id }) => client_id,
    columns: COLUMNS,
  })
  const search = () => {
    rememberQuery({ filter: filter.value })
    list.load()
  }
  filter.addEventListener('input', whenTyped(search, signal))
  fill(
    place,
    heading('Clients'),
    form(
      { class: 'searches', role: 'search' },
      search,
      field('Search', filter, { hint: 'A part of the client id, user name or address' }),
    ),
    list.element,
  )
  list.start()
}

const COLUMNS = [
  {
    title: 'Client',
    kind: 'name',
    text: ({ client_id }) => client_id,
    href: ({ client_id }) => clientHref(client_id),
  },
  { title: 'User', kind: 'name', text: ({ username }) => username ?? '–' },
  { title: 'Address', kind: 'text', text: ({ remote_addr }) => remote_addr },
  { title: 'MQTT', kind: 'text', text: ({ protocol_version }) => protocol_version },
  { title: 'Clean', kind: 'text', text: ({ clean_start }) => yesNo(clean_start) },
  {
    title: 'Keep alive',
    kind: 'number',
    text: ({ keep_alive_seconds: s }) => (s > 0 ? `${s} s` : 'off'),
  },
  {
    title: 'Unsent',
    kind: 'number',
    text: ({ unsent_bytes, reading }) => `${bytes(unsent_bytes)}${reading ? '' : ', paused'}`,
  },
  { title: 'Connected', kind: 'when', make: ({ connected_at }) => time(connected_at) },
  { title: 'Last heard', kind: 'when', make: ({ last_heard_at }) => time(last_heard_at) },
]

function emptyFor({ filter }) {
  if (filter) return empty(`No connected client matches “${filter}”.`, searchSessions(filter))
  return empty('No client is connected.', whereToConnect())
}

function searchSessions(filter) {
  const href = `#/sessions?${new URLSearchParams({ filter })}`
  return h('span', {}, 'It may be offline: ', h('a', { href }, 'search the sessions'), '.')
}

function whereToConnect() {
  const listeners = (status.value?.listeners ?? []).filter(({ protocol }) => protocol !== 'http')
  if (listeners.length === 0) return null
  return `The broker listens on ${listeners.map((l) => `${l.address} (${l.protocol})`).join(', ')}.`
}
