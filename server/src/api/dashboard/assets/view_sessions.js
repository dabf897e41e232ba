// Everybody whose state is kept, connected or not.

import { fill, h } from './dom.js'
import { bytes, count, duration } from './format.js'
import { List } from './list.js'
import { badge, empty, field, form, heading, searchBox, select, time, whenTyped } from './parts.js'
import { clientHref, rememberQuery } from './routes.js'

export const title = () => 'Sessions'

export function open(place, { query }, signal) {
  const filter = searchBox({ name: 'filter', value: query.filter })
  const state = select(
    [
      ['', 'all'],
      ['online', 'online'],
      ['offline', 'offline'],
    ],
    { name: 'state' },
  )
  state.value = query.state ?? ''
  const asked = () => ({ filter: filter.value, state: state.value })
  const list = new List(signal, {
    path: 'sessions',
    noun: ['session'],
    caption: 'Sessions',
    query: asked,
    empty: emptyFor,
    key: ({ client_id }) => client_id,
    columns: COLUMNS,
  })
  const search = () => {
    rememberQuery(asked())
    list.load()
  }
  filter.addEventListener('input', whenTyped(search, signal))
  state.addEventListener('change', search)
  fill(
    place,
    heading('Sessions'),
    form(
      { class: 'searches', role: 'search' },
      search,
      field('Search', filter, { hint: 'A part of the client id' }),
      field('State', state, { kind: 'narrow' }),
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
  {
    title: 'State',
    kind: 'text',
    make: ({ online }) => badge(...(online ? ['online', 'good'] : ['offline'])),
  },
  { title: 'Subscriptions', kind: 'number', text: ({ subscriptions }) => count(subscriptions) },
  {
    title: 'In flight',
    kind: 'number',
    text: ({ inflight, inflight_limit }) => of(inflight, inflight_limit),
  },
  { title: 'Queued', kind: 'number', make: queued },
  { title: 'Size', kind: 'number', text: ({ queued_bytes }) => bytes(queued_bytes) },
  { title: 'Dropped', kind: 'number', make: dropped },
  { title: 'Ends', kind: 'text', text: ends },
  {
    title: 'Since',
    kind: 'when',
    make: ({ online, connected_at, disconnected_at }) =>
      time(online ? connected_at : disconnected_at),
  },
]

/** When a session ends, in words. */
export function ends({ ends_with_connection, expiry_seconds }) {
  if (ends_with_connection) return 'with its connection'
  return expiry_seconds === null ? 'never' : `${duration(expiry_seconds)} offline`
}

function queued({ queued: n, queue_limit }) {
  return h('span', { class: queue_limit && n >= queue_limit ? 'bad' : '' }, of(n, queue_limit))
}

function dropped({ dropped: n }) {
  return h('span', { class: n > 0 ? 'bad' : '' }, count(n))
}

function of(n, limit) {
  return limit ? `${count(n)} / ${count(limit)}` : count(n)
}

function emptyFor({ filter, state }) {
  if (filter) return empty(`No ${state || 'kept'} session matches “${filter}”.`)
  if (state) return empty(`No session is ${state}.`)
  return empty('There is no session.', 'One begins with every client that connects.')
}
