// One client: its connection, its session, and why something does or does not reach it.

import { find, get, pathOf, post, remove } from './api.js'
import { connectionPanel, queuePanel, sessionPanel } from './client_panels.js'
import { confirmed } from './dialog.js'
import { fill, h } from './dom.js'
import { count, counted } from './format.js'
import { Explain } from './explain.js'
import { tell, tellFailure } from './notices.js'
import { badge, button, empty, heading, name, panel } from './parts.js'
import { polled } from './poll.js'
import { recentTable } from './recent.js'
import { subscriptionColumns, subscriptionKey } from './subscriptions.js'
import { Table } from './table.js'

const SECONDS = 5
const LIMIT = 100

export const title = ({ parts }) => parts[1]

export function open(place, { parts, query }, signal) {
  const view = new ClientView(parts[1], signal)
  fill(
    place,
    view.element,
    polled(signal, SECONDS, () => view.ask()),
    view.panels,
    new Explain(parts[1], query, signal).element,
    view.lists,
  )
}

class ClientView {
  #id
  #signal
  #state = h('span', {})
  #actions = h('div', { class: 'actions' })
  panels = h('div', { class: 'columns' })
  #shown = ''
  #subscriptions = h('div', { class: 'list-place' })
  #recent = h('div', { class: 'list-place' })
  #subscriptionTable = new Table({
    caption: 'Subscriptions',
    key: subscriptionKey,
    columns: subscriptionColumns({ ofOneClient: true }),
  })
  #recentTable = recentTable({ ofOneClient: true })

  constructor(id, signal) {
    this.#id = id
    this.#signal = signal
    this.element = heading(name(id), this.#state, this.#actions)
    this.lists = [
      panel('Subscriptions', {}, this.#subscriptions),
      panel('Recent drops, refusals and ends', {}, this.#recent),
    ]
  }

  async ask() {
    const signal = this.#signal
    const of = { client_id: this.#id, limit: LIMIT }
    const [session, subscriptions, recent] = await Promise.all([
      find(pathOf('sessions', this.#id), {}, signal),
      get('subscriptions', of, signal),
      get('recent', of, signal),
    ])
    // Asked only where there is an answer: browsers log every 404 as an error of the page.
    const client = session?.online ? await find(pathOf('clients', this.#id), {}, signal) : null
    this.#showPanels(client, session)
    this.#showSubscriptions(subscriptions)
    show(
      this.#recent,
      this.#recentTable,
      recent.items,
      'Nothing of this client was dropped or refused of late.',
    )
  }

  #showPanels(client, session) {
    const shown = JSON.stringify([client, session])
    if (shown === this.#shown) return
    this.#shown = shown
    fill(this.#state, badge(...(client ? ['online', 'good'] : session ? ['offline'] : ['unknown'])))
    this.#showActions(client, session)
    if (!client && !session) {
      fill(
        this.panels,
        empty(
          'There is no client and no session of this name.',
          'What was refused to it of late is listed below.',
        ),
      )
      return
    }
    fill(
      this.panels,
      connectionPanel(client, session),
      session && sessionPanel(session),
      session && queuePanel(client, session),
    )
  }

  // Kept while they stay the same: a button that is focused must not be replaced.
  #showActions(client, session) {
    const wanted = `${Boolean(client)} ${Boolean(session)}`
    if (this.#actions.dataset.for === wanted) return
    this.#actions.dataset.for = wanted
    fill(
      this.#actions,
      client && button('Disconnect…', () => this.#disconnect()),
      session && button('Delete session…', () => this.#deleteSession(), { kind: 'danger' }),
    )
  }

  async #showSubscriptions({ items, next }) {
    show(this.#subscriptions, this.#subscriptionTable, items, 'It subscribes to nothing.')
    if (!next) return
    const href = `#/subscriptions?${new URLSearchParams({ client_id: this.#id })}`
    this.#subscriptions.append(
      h(
        'p',
        { class: 'summary' },
        `The first ${count(items.length)}. `,
        h('a', { href }, 'All of them'),
      ),
    )
  }

  async #disconnect() {
    const agreed = await confirmed({
      title: 'Disconnect this client?',
      lines: [
        name(this.#id),
        'The broker closes its connection. Its Will, if it has one, is published. ' +
          'Most clients connect again by themselves.',
      ],
      action: 'Disconnect',
    })
    if (agreed)
      await this.#act(
        () => post(`${pathOf('clients', this.#id)}/disconnect`),
        'The client was disconnected.',
      )
  }

  async #deleteSession() {
    const session = await find(pathOf('sessions', this.#id)).catch(() => null)
    const agreed = await confirmed({
      title: 'Delete this session?',
      lines: [name(this.#id), whatGoes(session), 'This cannot be undone.'],
      action: 'Delete session',
    })
    if (agreed)
      await this.#act(() => remove(pathOf('sessions', this.#id)), 'The session was deleted.')
  }

  async #act(request, done) {
    try {
      await request()
      tell(done)
      if (!this.#signal.aborted) await this.ask()
    } catch (error) {
      if (!this.#signal.aborted) tellFailure(error)
    }
  }
}

function show(place, table, items, nothing) {
  table.update(items)
  fill(place, items.length > 0 ? table.element : empty(nothing))
}

function whatGoes(session) {
  if (!session) return 'Its subscriptions and all messages that wait for it go.'
  const { subscriptions, queued, inflight, online } = session
  return (
    `${counted(subscriptions, 'subscription')}, ${counted(queued, 'queued message')} and ` +
    `${counted(inflight, 'message')} in flight go${online ? ', and its connection ends' : ''}.`
  )
}
