// The retained messages: look at them, clear them.

import { find, get, remove } from './api.js'
import { confirmed } from './dialog.js'
import { fill, h } from './dom.js'
import { bytes, counted } from './format.js'
import { List } from './list.js'
import { tell, tellFailure } from './notices.js'
import {
  button,
  empty,
  facts,
  failureBox,
  field,
  form,
  heading,
  name,
  panel,
  searchBox,
} from './parts.js'
import { bytesOf, payloadView } from './payload.js'
import { currentRoute, hrefOf, rememberQuery } from './routes.js'

const EVERYTHING = '#'
/** Topics that a confirmation names. */
const NAMED = 5
const COUNTED = 1000

export const title = () => 'Retained messages'

export function open(place, { query }, signal) {
  const view = new RetainedView(query, signal)
  fill(
    place,
    heading('Retained messages'),
    view.searches,
    h('div', { class: 'split' }, view.list.element, view.message),
  )
  view.list.start()
  if (query.topic) view.showMessage(query.topic)
}

class RetainedView {
  message = h('div', { class: 'detail' })
  #signal
  #filter

  constructor(query, signal) {
    this.#signal = signal
    this.#filter = searchBox({ name: 'filter', value: query.filter ?? EVERYTHING })
    this.list = new List(signal, {
      path: 'retained',
      noun: ['message'],
      caption: 'Retained messages',
      query: () => ({ filter: this.#wanted() === EVERYTHING ? '' : this.#wanted() }),
      empty: ({ filter }) =>
        filter
          ? empty(`No retained message matches “${filter}”.`)
          : empty(
              'Nothing is retained.',
              'What begins with $ is found by a filter that begins with it.',
            ),
      key: ({ topic }) => topic,
      columns: this.#columns(),
    })
    this.searches = this.#makeSearches()
  }

  async showMessage(topic) {
    rememberQuery({ ...currentRoute().query, topic })
    try {
      const message = await find('retained/message', { topic }, this.#signal)
      fill(
        this.message,
        message
          ? this.#messagePanel(message)
          : panel('Message', {}, empty('This topic retains no message any more.')),
      )
      if (matchMedia('(max-width: 900px)').matches)
        this.message.scrollIntoView({ block: 'nearest' })
    } catch (error) {
      if (!this.#signal.aborted) fill(this.message, failureBox(error))
    }
  }

  #wanted() {
    return this.#filter.value.trim() || EVERYTHING
  }

  #makeSearches() {
    const search = () => {
      rememberQuery({ filter: this.#wanted() })
      this.list.load()
    }
    return form(
      { class: 'searches', role: 'search' },
      search,
      field('Filter', this.#filter, { hint: 'With + and #, as in MQTT' }),
      h('button', { type: 'submit' }, 'Find'),
      button('Clear all that match…', () => this.#clear(this.#wanted()), { kind: 'danger' }),
    )
  }

  #columns() {
    const show = (topic) => (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return
      event.preventDefault()
      this.showMessage(topic)
    }
    return [
      {
        title: 'Topic',
        kind: 'name',
        make: ({ topic }) =>
          h(
            'a',
            {
              class: 'name',
              title: topic,
              href: hrefOf(['retained'], { topic }),
              click: show(topic),
            },
            topic,
          ),
      },
      { title: 'QoS', kind: 'number', text: ({ qos }) => qos },
      { title: 'Size', kind: 'number', text: ({ payload_bytes }) => bytes(payload_bytes) },
      {
        title: '',
        kind: 'action',
        make: ({ topic }) =>
          button('Clear…', () => this.#clear(topic), {
            kind: 'quiet',
            'aria-label': `Clear ${topic}…`,
          }),
      },
    ]
  }

  #messagePanel({ topic, qos, payload, payload_encoding, properties }) {
    return panel(
      'Message',
      { actions: [button('Clear…', () => this.#clear(topic), { kind: 'danger' })] },
      facts([['Topic', name(topic)], ['QoS', String(qos)], ...propertyPairs(properties)]),
      payloadView(bytesOf(payload, payload_encoding)),
    )
  }

  async #clear(filter) {
    try {
      const { items, next } = await get('retained', { filter, limit: COUNTED }, this.#signal)
      if (items.length === 0) return tell('There is nothing to clear.')
      const agreed = await confirmed({
        title: 'Clear retained messages?',
        lines: whatGoes(filter, items, next),
        action: 'Clear',
      })
      if (!agreed) return
      const { deleted } = await remove('retained', { filter })
      tell(`${counted(deleted, 'retained message')} cleared.`)
      fill(this.message)
      await this.list.load()
    } catch (error) {
      if (!this.#signal.aborted) tellFailure(error)
    }
  }
}

function whatGoes(filter, items, next) {
  const named = items.slice(0, NAMED)
  const rest = items.length - named.length
  const more = next
    ? `and more than ${counted(rest, 'other')}`
    : rest > 0 && `and ${counted(rest, 'other')}`
  const how =
    items.length === 1 && items[0].topic === filter
      ? 'This message goes:'
      : ['All that match ', name(filter), ' go:']
  return [
    h('span', {}, how),
    h(
      'span',
      { class: 'goes' },
      named.map(({ topic }) => [name(topic), h('br', {})]),
      more,
    ),
    'Who subscribes later gets nothing for these topics until somebody publishes again. ' +
      'This cannot be undone.',
  ]
}

function propertyPairs(properties) {
  return Object.entries(properties ?? {}).flatMap(([key, value]) => {
    if (value === null || value === undefined) return []
    if (key === 'user_properties') return value.map((p) => [name(p.name), name(p.value)])
    return [[key.replaceAll('_', ' '), name(String(value))]]
  })
}
