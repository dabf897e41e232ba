// What the publish tab subscribes to.

import { fill, h } from './dom.js'
import { attempt } from './notices.js'
import { badge, button, field, form, name, panel, select, textBox } from './parts.js'
import { workbench } from './workbench.js'

export class Subscriptions {
  #filter = textBox({ name: 'filter', value: '#', required: true })
  #qos = select(
    [
      ['0', 'QoS 0'],
      ['1', 'QoS 1'],
    ],
    { name: 'qos' },
  )
  #fields = h(
    'fieldset',
    { class: 'row' },
    field('Filter', this.#filter),
    field('At most', this.#qos, { kind: 'narrow' }),
    h('button', { type: 'submit' }, 'Subscribe'),
  )
  #list = h('ul', { class: 'subscribed' })
  #shown = ''

  constructor() {
    this.element = panel(
      'Subscribe',
      {},
      form({}, () => attempt(() => this.#subscribe()), this.#fields),
      this.#list,
    )
  }

  show() {
    this.#fields.disabled = workbench.state !== 'on'
    const all = [...workbench.subscriptions]
    if (JSON.stringify(all) === this.#shown) return
    this.#shown = JSON.stringify(all)
    fill(
      this.#list,
      all.map(([filter, qos]) =>
        h(
          'li',
          {},
          name(filter),
          badge(`QoS ${qos}`),
          button('Unsubscribe', () => attempt(() => workbench.unsubscribe(filter)), {
            kind: 'quiet',
            'aria-label': `Unsubscribe ${filter}`,
          }),
        ),
      ),
    )
  }

  #subscribe() {
    return workbench.subscribe(this.#filter.value, Number(this.#qos.value))
  }
}
