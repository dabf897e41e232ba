// "Would a message to this topic reach this client, and if not, why?"

import { get } from './api.js'
import { fill, h } from './dom.js'
import { badge, failureBox, field, form, name, panel, prose, select, textBox } from './parts.js'
import { rememberQuery } from './routes.js'
import { Table } from './table.js'

const OUTCOMES = {
  sent: ['sent now', 'good'],
  queued: ['queued', 'warn'],
  dropped: ['dropped', 'bad'],
  not_delivered: ['not delivered', 'bad'],
  another_member: ['to another member', 'warn'],
}

export class Explain {
  #clientId
  #signal
  #topic
  #qos = select(
    [
      ['0', 'QoS 0'],
      ['1', 'QoS 1'],
      ['2', 'QoS 2'],
    ],
    { name: 'qos', 'aria-label': 'Published with' },
  )
  #answer = h('div', { class: 'answer', 'aria-live': 'polite' })

  /** With a topic in the query the answer is there at once. */
  constructor(clientId, { topic = '', qos = '' }, signal) {
    this.#clientId = clientId
    this.#signal = signal
    this.#topic = textBox({ name: 'topic', value: topic, required: true })
    this.#qos.value = ['0', '1', '2'].includes(qos) ? qos : '1'
    this.element = panel(
      'Would a message reach it?',
      { kind: 'explain' },
      form(
        { class: 'searches' },
        () => this.#ask(),
        field('Topic', this.#topic, { hint: 'nothing is published' }),
        field('Published with', this.#qos, { kind: 'narrow' }),
        h('button', { type: 'submit', class: 'primary' }, 'Explain'),
      ),
      this.#answer,
    )
    if (topic) this.#ask()
  }

  async #ask() {
    const query = { topic: this.#topic.value, qos: this.#qos.value }
    rememberQuery(query)
    try {
      const answer = await get('explain', { client_id: this.#clientId, ...query }, this.#signal)
      fill(this.#answer, inWords(answer))
    } catch (error) {
      if (!this.#signal.aborted) fill(this.#answer, failureBox(error))
    }
  }
}

function inWords({ outcome, summary, obstacles, subscriptions }) {
  const [text, kind] = OUTCOMES[outcome] ?? [String(outcome), '']
  return [
    h('p', { class: 'verdict' }, badge(text, kind), ' ', prose(summary)),
    obstacles.length > 0 &&
      h(
        'ul',
        { class: 'obstacles' },
        obstacles.map((o) => h('li', { title: o.reason }, prose(o.text))),
      ),
    subscriptions.length > 0 && [h('h3', {}, 'Matching subscriptions'), matching(subscriptions)],
  ]
}

function matching(subscriptions) {
  const table = new Table({
    caption: 'Matching subscriptions',
    key: ({ filter }) => filter,
    columns: [
      { title: 'Filter', kind: 'name', make: ({ filter }) => name(filter) },
      { title: 'Granted QoS', kind: 'number', text: ({ granted_qos }) => granted_qos },
      { title: 'Sent with QoS', kind: 'number', text: ({ effective_qos }) => effective_qos },
      {
        title: 'Used',
        kind: 'text',
        make: ({ used }) => badge(used ? 'yes' : 'no', used ? 'good' : ''),
      },
      { title: 'Why not', kind: 'text why', make: ({ why_not }) => prose(why_not ?? '') },
    ],
  })
  table.update(subscriptions)
  return table.element
}
