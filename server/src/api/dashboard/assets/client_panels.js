// The panels of one client: connection, session, queue.

import { h } from './dom.js'
import { count, duration, yesNo } from './format.js'
import { byteGauge, facts, gauge, name, panel, time } from './parts.js'
import { status } from './status.js'
import { ends } from './view_sessions.js'

/** Where it is connected from, or since when it is not. */
export function connectionPanel(client, session) {
  if (!client) {
    return panel(
      'Connection',
      {},
      facts([
        ['State', 'not connected'],
        session?.disconnected_at && ['Since', time(session.disconnected_at)],
        session?.connected_at && ['Connected before, at', time(session.connected_at)],
      ]),
    )
  }
  const { remote_addr, username, protocol_version, clean_start, keep_alive_seconds } = client
  return panel(
    'Connection',
    {},
    facts([
      ['Address', remote_addr],
      ['User', username === null ? 'anonymous' : name(username)],
      ['MQTT', protocol_version],
      [protocol_version === '5.0' ? 'Clean start' : 'Clean session', yesNo(clean_start)],
      ['Keep alive', keep_alive_seconds > 0 ? duration(keep_alive_seconds) : 'off'],
      ['Connected', time(client.connected_at)],
      ['Last heard', time(client.last_heard_at)],
      ['Reading', client.reading ? 'yes' : 'paused: it publishes faster than is taken'],
    ]),
  )
}

/** What is kept for it. */
export function sessionPanel(session) {
  return panel(
    'Session',
    {},
    facts([
      ['Ends', ends(session)],
      ['Subscriptions', count(session.subscriptions)],
      ['Has a Will', yesNo(session.has_will)],
      ['QoS 2 not released', count(session.unreleased)],
      ['Dropped', h('span', { class: session.dropped > 0 ? 'bad' : '' }, count(session.dropped))],
      session.replaying_retained && ['Retained messages', 'being replayed'],
    ]),
  )
}

/** What waits for it, against the limits. `client` is null when it is offline. */
export function queuePanel(client, session) {
  const limits = status.value?.limits ?? {}
  return panel(
    'Queue',
    {},
    gauge('In flight, not acknowledged', session.inflight, session.inflight_limit),
    gauge('Queued behind', session.queued, session.queue_limit),
    byteGauge('Size of the queue', session.queued_bytes, limits.max_queued_bytes),
    client &&
      byteGauge('Written, not taken by the client', client.unsent_bytes, limits.max_unsent_bytes),
  )
}
