// The broker itself: listeners, limits in force, warnings.

import { fill, h } from './dom.js'
import { bytes, count, duration, fullTime, yesNo } from './format.js'
import { empty, facts, field, heading, name, panel, searchBox, showFailure } from './parts.js'
import { status } from './status.js'
import { Table } from './table.js'

const PROTOCOLS = {
  mqtt: 'MQTT',
  mqtts: 'MQTT, TLS',
  ws: 'WebSocket',
  wss: 'WebSocket, TLS',
  http: 'REST, dashboard',
}

/** What the lack of a limit means, where that is not simply no limit. */
const WITHOUT = { tcp_keepalive: 'off', session_expiry_interval: 'never' }

export const title = () => 'Broker'

export function open(place, route, signal) {
  const about = h('div', {})
  const listeners = new Table({
    caption: 'Listeners',
    key: ({ address, protocol }) => protocol + address,
    columns: LISTENER_COLUMNS,
  })
  const limits = h('div', {})
  const search = searchBox({ input: () => showLimits() })
  const trouble = h('div', {})

  const showLimits = () => {
    const wanted = Object.entries(status.value?.limits ?? {}).filter(([key]) =>
      key.includes(search.value.trim()),
    )
    const pairs = wanted.map(([key, value]) => [name(key), inWords(key, value)])
    fill(
      limits,
      pairs.length > 0 ? facts(pairs, 'many') : empty(`No limit is called “${search.value}”.`),
    )
  }
  fill(
    place,
    heading('Broker'),
    trouble,
    h(
      'div',
      { class: 'columns' },
      panel('This process', { actions: [h('a', { href: 'api/v1/docs' }, 'API reference')] }, about),
      panel('Listeners', {}, h('div', { class: 'list-place' }, listeners.element)),
    ),
    panel('Limits in force', { actions: [field('Find', search, { kind: 'inline' })] }, limits),
  )
  status.watch(signal, ({ value, failure }) => {
    showFailure(trouble, failure)
    if (!value) return
    fill(about, aboutOf(value))
    listeners.update(value.listeners)
    // Kept while they stay: somebody may be copying one.
    if (limits.dataset.shown !== JSON.stringify(value.limits)) showLimits()
    limits.dataset.shown = JSON.stringify(value.limits)
  })
}

const LISTENER_COLUMNS = [
  { title: 'Address', kind: 'name', text: ({ address }) => address },
  { title: 'Protocol', kind: 'text', text: ({ protocol }) => PROTOCOLS[protocol] ?? protocol },
  {
    title: 'Anonymous',
    kind: 'text',
    text: ({ allow_anonymous }) => ({ true: 'let in', false: 'refused' })[allow_anonymous] ?? '–',
  },
]

function aboutOf({ version, started_at, uptime_seconds, counts }) {
  return facts([
    ['Version', version],
    ['Uptime', duration(uptime_seconds)],
    ['Started', fullTime(started_at)],
    ['Retained messages', `${count(counts.retained_messages)}, ${bytes(counts.retained_bytes)}`],
    ['Clients that subscriptions wait for', count(counts.waiting_clients)],
  ])
}

/** The interface gives times in seconds and sizes in bytes; the names tell which is which. */
function inWords(key, value) {
  if (value === null) return WITHOUT[key] ?? 'no limit'
  if (typeof value === 'boolean') return yesNo(value)
  if (typeof value !== 'number') return value
  if (/bytes|packet_size/.test(key)) return bytes(value)
  if (/(interval|timeout|keepalive)$/.test(key)) return value > 0 ? duration(value) : 'never'
  return Number.isInteger(value) ? count(value) : String(value)
}
