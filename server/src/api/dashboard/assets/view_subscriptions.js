// Who subscribes to what: of one client, with one filter, or to one topic.

import { fill, h } from './dom.js'
import { List } from './list.js'
import { empty, field, form, heading, searchBox, select } from './parts.js'
import { rememberQuery } from './routes.js'
import { subscriptionColumns, subscriptionKey } from './subscriptions.js'

const SELECTORS = [
  ['topic', 'that a topic would match'],
  ['filter', 'with exactly this filter'],
  ['client_id', 'of the client'],
]

export const title = () => 'Subscriptions'

export function open(place, { query }, signal) {
  const selector = select(SELECTORS, { name: 'selector' })
  selector.value = SELECTORS.find(([by]) => query[by])?.[0] ?? 'topic'
  const text = searchBox({ name: 'text', value: query[selector.value] })
  const asked = () => ({ [selector.value]: text.value })
  const list = new List(signal, {
    path: 'subscriptions',
    noun: ['subscription'],
    caption: 'Subscriptions',
    query: asked,
    empty: emptyFor,
    key: subscriptionKey,
    columns: subscriptionColumns(),
  })
  const search = () => {
    rememberQuery(asked())
    list.load()
  }
  text.addEventListener('search', search)
  fill(
    place,
    heading('Subscriptions'),
    form(
      { class: 'searches', role: 'search' },
      search,
      field('Subscriptions', selector, { kind: 'broad' }),
      field('Name', text, { hint: 'Empty: all of them' }),
      h('button', { type: 'submit' }, 'Find'),
    ),
    list.element,
  )
  list.start()
}

function emptyFor({ topic, filter, client_id }) {
  if (topic) return empty(`Nobody would get a message published to “${topic}”.`)
  if (filter) return empty(`Nobody subscribes with the filter “${filter}”.`)
  if (client_id) return empty(`A client “${client_id}” has no subscriptions.`)
  return empty('There is no subscription.')
}
