// What the publish tab holds: one connection, its subscriptions, the last messages. It lives as
// long as the page, so that a look at another view loses nothing.

import { MqttClient } from './mqtt_client.js'

const KEPT = 500
/** Of each payload: 500 messages of 2 MiB would be a gigabyte. */
const KEPT_BYTES = 16_384
const CHANGES_MS = 200
/** Showing takes at most this part of the time, however fast messages come. */
const SHARE = 1 / 8

/**
 * Fires `change` when there is something new to show, a few times a second at most. `state` is
 * off, connecting or on; `messages` the last that came, newest last, each with a `number`.
 */
class Workbench extends EventTarget {
  state = 'off'
  ended = ''
  clientId = ''
  /** Filter -> granted QoS. */
  subscriptions = new Map()
  messages = []
  received = 0
  #client = null
  #timer = null
  #pace = CHANGES_MS

  async connect(url, options) {
    const client = new MqttClient({
      onMessage: (message) => this.#keep(message),
      onEnd: (reason) => this.#end(client, reason),
    })
    this.#client = client
    this.clientId = options.clientId
    this.#become('connecting', '')
    await client.connect(url, options)
    this.#become('on', '')
  }

  disconnect() {
    this.#client?.end()
  }

  async subscribe(filter, qos) {
    this.subscriptions.set(filter, await this.#client.subscribe(filter, qos))
    this.#changed()
  }

  async unsubscribe(filter) {
    await this.#client.unsubscribe(filter)
    this.subscriptions.delete(filter)
    this.#changed()
  }

  publish(message) {
    return this.#client.publish(message)
  }

  clear() {
    this.messages = []
    this.received = 0
    this.#changed()
  }

  #keep({ topic, payload, qos, retain, dup }) {
    this.received += 1
    this.messages.push({
      number: this.received,
      at: new Date(),
      topic,
      qos,
      retain,
      dup,
      size: payload.length,
      payload: payload.slice(0, KEPT_BYTES),
    })
    // Cut in lumps: shifting an array for every message would cost more than the message.
    if (this.messages.length >= KEPT * 2) this.messages = this.messages.slice(-KEPT)
    this.#changed()
  }

  /** The newest, at most as many as are kept. */
  get latest() {
    return this.messages.slice(-KEPT)
  }

  #end(client, reason) {
    if (client !== this.#client) return
    this.#client = null
    this.subscriptions.clear()
    this.#become('off', reason)
  }

  #become(state, ended) {
    this.state = state
    this.ended = ended
    this.#changed()
  }

  #changed() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      const start = performance.now()
      this.dispatchEvent(new Event('change'))
      this.#pace = Math.max(CHANGES_MS, (performance.now() - start) / SHARE)
    }, this.#pace)
  }
}

export const workbench = new Workbench()
export const MOST_KEPT = KEPT
