// Publishing and subscribing by hand, as a client of the broker's own WebSocket listener.

import { Connection } from './bench_connection.js'
import { Messages } from './bench_messages.js'
import { Publishing } from './bench_publishing.js'
import { Subscriptions } from './bench_subscriptions.js'
import { fill, h } from './dom.js'
import { heading } from './parts.js'
import { status } from './status.js'
import { workbench } from './workbench.js'

export const title = () => 'Publish and subscribe'

export function open(place, route, signal) {
  const parts = [new Connection(), new Subscriptions(), new Publishing(), new Messages()]
  const [connection, subscriptions, publishing, messages] = parts
  const show = () => parts.forEach((part) => part.show())
  fill(
    place,
    heading('Publish and subscribe'),
    h(
      'div',
      { class: 'bench' },
      h('div', {}, connection.element, subscriptions.element, publishing.element),
      messages.element,
    ),
  )
  workbench.addEventListener('change', () => document.hidden || show(), { signal })
  document.addEventListener('visibilitychange', show, { signal })
  status.watch(signal, () => connection.showListeners())
  show()
}
