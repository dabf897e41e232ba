// The messages that came, newest first.

import { fill, h, setText, swap } from './dom.js'
import { bytes, clock, count, counted } from './format.js'
import { button, checkbox, empty, name, panel } from './parts.js'
import { payloadView, previewOf } from './payload.js'
import { Table } from './table.js'
import { MOST_KEPT, workbench } from './workbench.js'

export class Messages {
  #table = new Table({
    caption: 'Received messages, newest first',
    key: ({ number }) => number,
    version: ({ number }) => number,
    columns: [
      { title: 'At', kind: 'when', text: ({ at }) => clock(at) },
      { title: 'Topic', kind: 'name', text: ({ topic }) => topic },
      {
        title: 'QoS',
        kind: 'number',
        text: ({ qos, retain, dup }) => `${qos}${retain ? ' retained' : ''}${dup ? ' again' : ''}`,
      },
      { title: 'Size', kind: 'number', text: ({ size }) => bytes(size) },
      { title: 'Payload', kind: 'payload', make: (message) => this.#preview(message) },
    ],
  })
  #place = h('div', { class: 'list-place received' })
  #summary = h('p', { class: 'summary' })
  #detail = h('div', { class: 'detail' })
  #isHeld = false

  constructor() {
    const hold = checkbox('Hold still', {
      change: ({ target }) => {
        this.#isHeld = target.checked
        this.show()
      },
    })
    const clear = button('Clear', () => this.#clear(), { kind: 'quiet' })
    this.element = panel(
      'Received',
      { actions: [hold, clear], kind: 'wide' },
      this.#place,
      this.#summary,
      this.#detail,
    )
  }

  show() {
    setText(this.#summary, this.#describe())
    if (this.#isHeld) return
    const latest = workbench.latest
    this.#table.update(latest.reverse())
    const content = latest.length > 0 ? this.#table.element : nothingYet()
    swap(this.#place, content)
  }

  #preview(message) {
    const preview = previewOf(message.payload)
    return button(preview === '' ? '(empty)' : preview, () => this.#showDetail(message), {
      kind: 'preview',
      title: 'Show all of it',
    })
  }

  #showDetail({ topic, size, payload }) {
    const cut =
      size > payload.length &&
      h('p', { class: 'hint' }, `Of ${bytes(size)}, the first ${bytes(payload.length)} were kept.`)
    fill(this.#detail, h('h3', {}, name(topic)), cut, payloadView(payload))
    this.#detail.scrollIntoView({ block: 'nearest' })
  }

  #describe() {
    const { received } = workbench
    const kept = received > MOST_KEPT ? `, the last ${count(MOST_KEPT)} are kept` : ''
    const held = this.#isHeld ? '; the list holds still' : ''
    return `${counted(received, 'message')} received${kept}${held}`
  }

  #clear() {
    workbench.clear()
    fill(this.#detail)
  }
}

function nothingYet() {
  if (workbench.state !== 'on') return empty('Connect and subscribe to see messages here.')
  return empty(
    'Nothing has come yet.',
    workbench.subscriptions.size > 0 ? null : 'Subscribe to something first.',
  )
}
