// Publishing one message, over MQTT or through the REST interface.

import { post } from './api.js'
import { h, setText } from './dom.js'
import { clock, counted } from './format.js'
import { attempt } from './notices.js'
import { field, form, panel, select, textBox } from './parts.js'
import { workbench } from './workbench.js'

export class Publishing {
  #topic = textBox({ name: 'topic', required: true })
  #payload = h('textarea', { name: 'payload', rows: 4, spellcheck: 'false' })
  #qos = select(
    [
      ['0', 'QoS 0'],
      ['1', 'QoS 1'],
      ['2', 'QoS 2'],
    ],
    { name: 'qos' },
  )
  #retain = h('input', { type: 'checkbox', name: 'retain' })
  #way = select(
    [
      ['mqtt', 'MQTT'],
      ['rest', 'REST'],
    ],
    { name: 'way', change: () => this.show() },
  )
  #button = h('button', { type: 'submit', class: 'primary' }, 'Publish')
  #note = h('p', { class: 'hint', role: 'status' })

  constructor() {
    this.element = panel(
      'Publish',
      {},
      form(
        { class: 'stack' },
        () => attempt(() => this.#publish()),
        field('Topic', this.#topic),
        field('Payload', this.#payload),
        h(
          'div',
          { class: 'row' },
          field('Quality', this.#qos),
          field('Through', this.#way),
          h('label', { class: 'check' }, this.#retain, h('span', {}, 'Retain')),
        ),
        this.#button,
      ),
      this.#note,
    )
  }

  show() {
    const isOverMqtt = this.#way.value === 'mqtt'
    this.#button.disabled = isOverMqtt && workbench.state !== 'on'
    const [, , two] = this.#qos.options
    two.disabled = isOverMqtt
    if (isOverMqtt && two.selected) this.#qos.value = '1'
  }

  async #publish() {
    const message = {
      topic: this.#topic.value,
      qos: Number(this.#qos.value),
      retain: this.#retain.checked,
    }
    setText(
      this.#note,
      this.#way.value === 'mqtt' ? await this.#overMqtt(message) : await this.#overRest(message),
    )
  }

  async #overMqtt(message) {
    await workbench.publish({ ...message, payload: new TextEncoder().encode(this.#payload.value) })
    return `${message.qos > 0 ? 'Acknowledged' : 'Sent'} at ${clock(new Date())}.`
  }

  async #overRest(message) {
    const { receivers, retained } = await post('publish', {
      ...message,
      payload: this.#payload.value,
    })
    const kept = {
      stored: ' It is retained.',
      cleared: ' The retained message was cleared.',
      refused: ' It was not retained: the limit is reached.',
    }
    const routed = `Routed to ${counted(receivers, 'receiver')} at ${clock(new Date())}.`
    return `${routed}${kept[retained] ?? ''}`
  }
}
