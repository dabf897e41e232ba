// Starts the page, and opens the view that the address names.

import { fill, h } from './dom.js'
import { live } from './live.js'
import { heading } from './parts.js'
import { currentRoute } from './routes.js'
import { startShell } from './shell.js'
import { status } from './status.js'
import * as broker from './view_broker.js'
import * as client from './view_client.js'
import * as clients from './view_clients.js'
import * as drops from './view_drops.js'
import * as overview from './view_overview.js'
import * as publish from './view_publish.js'
import * as retained from './view_retained.js'
import * as sessions from './view_sessions.js'
import * as subscriptions from './view_subscriptions.js'
import * as topics from './view_topics.js'

const SECTIONS = { clients, sessions, subscriptions, topics, retained, drops, publish, broker }

const nowhere = {
  title: () => 'No such page',
  open: (place) =>
    fill(
      place,
      heading('No such page'),
      h(
        'p',
        {},
        'The address names no part of this dashboard. ',
        h('a', { href: '#/' }, 'To the overview'),
      ),
    ),
}

const main = document.querySelector('#main')
let leaving = new AbortController()

startShell()
status.start()
live.start()
window.addEventListener('hashchange', () => {
  open()
  main.querySelector('h1')?.focus({ preventScroll: true })
  scrollTo(0, 0)
})
open()

/**
 * A view is a module with `title(route)` and `open(place, route, signal)`, which fills the place;
 * `signal` aborts when the view is left, and ends all that the view had going.
 */
function open() {
  leaving.abort()
  leaving = new AbortController()
  const route = currentRoute()
  const view = viewOf(route.parts)
  document.title = `${view.title(route)} · Surewire`
  markSection(route.parts[0])
  view.open(fill(main), route, leaving.signal)
}

function viewOf([section, id, ...rest]) {
  if (section === undefined) return overview
  if (section === 'clients' && id !== undefined) return rest.length === 0 ? client : nowhere
  return id === undefined && Object.hasOwn(SECTIONS, section) ? SECTIONS[section] : nowhere
}

function markSection(section = '') {
  for (const link of document.querySelectorAll('#sections a')) {
    const current = link.getAttribute('href') === `#/${section}`
    link.toggleAttribute('aria-current', current)
    if (current) {
      link.setAttribute('aria-current', 'page')
      link.scrollIntoView({ block: 'nearest', inline: 'center' })
    }
  }
}
