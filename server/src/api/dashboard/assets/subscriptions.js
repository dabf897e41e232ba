// How a subscription is shown, wherever it is.

import { h } from './dom.js'
import { badge, time } from './parts.js'
import { clientHref, hrefOf } from './routes.js'

const RETAIN_HANDLING = ['', 'retained only when new', 'no retained messages']

export const subscriptionKey = ({ client_id, filter }) => `${client_id}\n${filter}`

/** `ofOneClient`: without the column that would say the same in every row. */
export function subscriptionColumns({ ofOneClient = false } = {}) {
  return [
    !ofOneClient && {
      title: 'Client',
      kind: 'name',
      text: ({ client_id }) => client_id,
      href: ({ client_id }) => clientHref(client_id),
    },
    {
      title: 'Filter',
      kind: 'name',
      text: ({ filter }) => filter,
      href: ({ filter }) => hrefOf(['subscriptions'], { filter }),
    },
    { title: 'QoS', kind: 'number', text: ({ qos }) => qos },
    { title: 'Options', kind: 'text', make: options },
    { title: 'Since', kind: 'when', make: ({ subscribed_at }) => time(subscribed_at) },
  ].filter(Boolean)
}

function options({ share_group, no_local, retain_as_published, retain_handling, identifier }) {
  const words = [
    share_group !== null && `shared in ${share_group}`,
    no_local && 'not its own messages',
    retain_as_published && 'retain as published',
    RETAIN_HANDLING[retain_handling],
    identifier !== null && `identifier ${identifier}`,
  ].filter(Boolean)
  return words.length > 0
    ? h(
        'div',
        { class: 'badges' },
        words.map((text) => badge(text)),
      )
    : h('span', { class: 'quiet' }, '–')
}
