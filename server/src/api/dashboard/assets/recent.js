// Drops, refusals and ended connections, as a table.

import { h } from './dom.js'
import { count } from './format.js'
import { badge, clientLink, name, prose, time } from './parts.js'
import { Table } from './table.js'

const KINDS = {
  dropped: ['dropped', 'bad'],
  connect_refused: ['connection refused', 'warn'],
  publish_refused: ['publish refused', 'warn'],
  subscribe_refused: ['subscription refused', 'warn'],
  disconnected: ['disconnected', ''],
  session_ended: ['session ended', ''],
}

/** `ofOneClient`: without the column that would say the same in every row. */
export function recentTable({ ofOneClient = false } = {}) {
  return new Table({
    caption: 'Recent drops, refusals and ended connections, newest first',
    key: ({ at, client_id, kind, reason, topic }) =>
      [at, client_id, kind, reason, topic].join('\n'),
    columns: [
      { title: 'At', kind: 'when', make: ({ at }) => time(at) },
      { title: 'What', kind: 'what', make: what },
      !ofOneClient && { title: 'Client', kind: 'name', make: client },
      { title: 'Topic', kind: 'name', make: topic },
      { title: 'QoS', kind: 'number', text: ({ qos }) => qos ?? '' },
      { title: 'Why', kind: 'text why', make: why },
    ].filter(Boolean),
  })
}

/** Kinds for a filter: ['dropped', 'dropped'], .. */
export const kinds = Object.entries(KINDS).map(([kind, [text]]) => [kind, text])

function what({ kind, count: times }) {
  const [text, colour] = KINDS[kind] ?? [inWords(kind), '']
  return [
    badge(text, colour),
    times > 1 ? h('span', { class: 'times' }, ` × ${count(times)}`) : null,
  ]
}

function client({ client_id }) {
  return client_id === null ? '' : clientLink(client_id)
}

/** A dropped message's topic leads to what would happen to the next one. */
function topic({ kind, client_id, topic: text, qos }) {
  if (!text) return ''
  if (kind !== 'dropped' || client_id === null) return name(text)
  return clientLink(client_id, { topic: text, qos: qos ?? '' }, text)
}

function why({ text, reason }) {
  return h('span', { title: reason }, text ? prose(text) : inWords(reason))
}

function inWords(snake) {
  return String(snake ?? '').replaceAll('_', ' ')
}
