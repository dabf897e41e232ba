// What is being published on, as long as somebody looks.

import { get } from './api.js'
import { fill, h, setText, swap } from './dom.js'
import { bytes, clock, count, counted, perSecond, yesNo } from './format.js'
import { checkbox, empty, field, form, heading, searchBox, select, time } from './parts.js'
import { polled } from './poll.js'
import { clientHref, hrefOf } from './routes.js'
import { Table } from './table.js'

const SECONDS = 2
const MOST = 500
const ORDERS = {
  messages: ['most messages', (a, b) => b.messages - a.messages],
  rate: ['busiest now', (a, b) => (b.rate ?? 0) - (a.rate ?? 0)],
  last: ['last published', (a, b) => new Date(b.last_at) - new Date(a.last_at)],
  topic: ['name', (a, b) => (a.topic < b.topic ? -1 : 1)],
}

export const title = () => 'Topics'

export function open(place, { query }, signal) {
  const view = new TopicsView(query.filter ?? '')
  fill(
    place,
    heading('Topics being published'),
    view.controls(),
    polled(signal, SECONDS, () => view.ask(signal)),
    view.place,
    view.summary,
  )
}

class TopicsView {
  place = h('div', { class: 'list-place' }, empty('Listening.'))
  summary = h('p', { class: 'summary' })
  #filter
  #order = select(
    Object.entries(ORDERS).map(([key, [text]]) => [key, text]),
    { name: 'order', change: () => this.#show() },
  )
  #isHeld = false
  #table = new Table({
    caption: 'Topics being published',
    key: ({ topic }) => topic,
    columns: COLUMNS,
  })
  #answer = null
  #before = new Map()

  constructor(filter) {
    this.#filter = searchBox({ name: 'filter', value: filter, input: () => this.#show() })
  }

  controls() {
    const hold = checkbox('Hold still', {
      change: ({ target }) => {
        this.#isHeld = target.checked
      },
    })
    return form(
      { class: 'searches', role: 'search' },
      () => this.#show(),
      field('Show', this.#filter, { hint: 'A part of the topic or of the publisher' }),
      field('Order', this.#order, { kind: 'middle' }),
      hold,
    )
  }

  async ask(signal) {
    if (this.#isHeld) return
    const answer = await get('topics', {}, signal)
    this.#addRates(answer)
    this.#answer = answer
    this.#show()
  }

  /** Counts are since the watch began: a rate is what came since the last look at this watch. */
  #addRates({ watching_since, items }) {
    const now = performance.now()
    const before = this.#before.get(watching_since)
    for (const item of items) {
      const messages = before?.counts.get(item.topic)
      item.rate = before ? ((item.messages - (messages ?? 0)) * 1000) / (now - before.at) : null
    }
    const counts = new Map(items.map(({ topic, messages }) => [topic, messages]))
    this.#before = new Map([[watching_since, { at: now, counts }]])
  }

  #show() {
    if (!this.#answer) return
    const { items, others, watching_since } = this.#answer
    const found = items.filter((item) => this.#isWanted(item))
    const shown = found.sort(ORDERS[this.#order.value][1]).slice(0, MOST)
    this.#table.update(shown)
    const content = shown.length > 0 ? this.#table.element : this.#empty(items.length)
    swap(this.place, content)
    const cut = found.length > MOST ? `, the first ${count(MOST)} of them here` : ''
    const more = others > 0 ? `; ${count(others)} messages on topics beyond those told apart` : ''
    const since = watching_since
      ? `Counted since ${clock(watching_since)}.`
      : 'Counting begins now.'
    setText(this.summary, `${counted(found.length, 'topic')}${cut}${more}. ${since}`)
  }

  #isWanted({ topic, publisher }) {
    const part = this.#filter.value.toLowerCase()
    return topic.toLowerCase().includes(part) || (publisher ?? '').toLowerCase().includes(part)
  }

  #empty(known) {
    if (known > 0)
      return empty(`None of the ${counted(known, 'topic')} matches “${this.#filter.value}”.`)
    return empty('Nothing has been published since this page began to look.', 'It goes on looking.')
  }
}

const COLUMNS = [
  {
    title: 'Topic',
    kind: 'name',
    text: ({ topic }) => topic,
    href: ({ topic }) => hrefOf(['subscriptions'], { topic }),
  },
  { title: 'Per second', kind: 'number', text: ({ rate }) => perSecond(rate) },
  { title: 'Messages', kind: 'number', text: ({ messages }) => count(messages) },
  { title: 'Size', kind: 'number', text: ({ bytes: size }) => bytes(size) },
  { title: 'Last', kind: 'when', make: ({ last_at }) => time(last_at) },
  { title: 'QoS', kind: 'number', text: ({ qos }) => qos },
  { title: 'Retain', kind: 'text', text: ({ retain }) => yesNo(retain) },
  {
    title: 'Publisher',
    kind: 'name',
    text: ({ publisher }) => publisher ?? '–',
    href: ({ publisher }) => (publisher === null ? null : clientHref(publisher)),
  },
]
