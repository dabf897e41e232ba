// A small MQTT 3.1.1 client over WebSocket: QoS 0 and 1 both ways, clean sessions only.

import * as packets from './mqtt_packets.js'

/** Browsers slow the timers of hidden pages to one a minute: the ping must still come in time. */
const KEEP_ALIVE_SECONDS = 150
const PING_MS = 60_000
const ANSWER_MS = 10_000
/** What may wait for an acknowledgement at once. */
const MOST_WAITING = 100

const REFUSALS = {
  1: 'The broker does not serve MQTT 3.1.1.',
  2: 'The broker refused the client id.',
  3: 'The broker is not available just now.',
  4: 'The broker refused the user name or the password.',
  5: 'The broker lets nobody in without signing in, or not this client.',
}

export class MqttClient {
  /** `onMessage({ topic, payload, qos, retain, dup })`, `onEnd(reason)` once, with words. */
  constructor({ onMessage, onEnd }) {
    this.#onMessage = onMessage
    this.#onEnd = onEnd
  }

  #onMessage
  #onEnd
  #socket = null
  #reader = new packets.Reader()
  /** By packet id, and 0 for CONNECT: what to do when the answer comes. */
  #waiting = new Map()
  #lastId = 0
  #pings = null
  #reason = null

  /** Resolves when the broker has accepted; rejects with an Error in words. */
  connect(url, options) {
    this.#socket = new WebSocket(url, ['mqtt'])
    this.#socket.binaryType = 'arraybuffer'
    this.#socket.onmessage = ({ data }) => this.#read(data)
    this.#socket.onclose = (event) => this.#ended(event, url)
    const accepted = this.#answer(0, 'CONNACK')
    this.#socket.onopen = () =>
      this.#send(packets.connect({ ...options, keepAliveSeconds: KEEP_ALIVE_SECONDS }))
    return accepted.then(({ code }) => {
      if (code !== 0) throw this.#give(REFUSALS[code] ?? `The broker refused with code ${code}.`)
      this.#pings = setInterval(() => this.#ping(), PING_MS)
    })
  }

  /** Resolves to the granted QoS. */
  async subscribe(filter, qos) {
    const { code } = await this.#ask('SUBACK', (id) => packets.subscribe(id, filter, qos))
    if (code >= 0x80) throw new Error('The broker refused this subscription.')
    return code
  }

  async unsubscribe(filter) {
    await this.#ask('UNSUBACK', (id) => packets.unsubscribe(id, filter))
  }

  /** Resolves when it is sent (QoS 0) or acknowledged (QoS 1). */
  async publish({ topic, payload, qos, retain }) {
    if (qos === 0) this.#send(packets.publish({ topic, payload, qos, retain }))
    else await this.#ask('PUBACK', (id) => packets.publish({ topic, payload, qos, retain, id }))
  }

  /** The orderly way, by DISCONNECT. */
  end() {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#send(packets.disconnect())
    this.#give('Disconnected.')
  }

  #ask(name, packetFor) {
    if (this.#waiting.size >= MOST_WAITING)
      throw new Error(`${MOST_WAITING} packets wait for their acknowledgement already.`)
    const id = this.#freeId()
    const packet = packetFor(id)
    const answer = this.#answer(id, name)
    this.#send(packet)
    return answer
  }

  #freeId() {
    do this.#lastId = (this.#lastId % 65535) + 1
    while (this.#waiting.has(this.#lastId))
    return this.#lastId
  }

  #answer(id, name) {
    return new Promise((resolve, reject) => {
      const late = () => reject(this.#give(`No ${name} came within ${ANSWER_MS / 1000} s.`))
      const timer = setTimeout(late, ANSWER_MS)
      const done = (settle) => (value) => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        settle(value)
      }
      this.#waiting.set(id, { resolve: done(resolve), reject: done(reject) })
    })
  }

  #ping() {
    if (this.#socket.readyState === WebSocket.OPEN) this.#send(packets.pingreq())
  }

  #send(bytes) {
    if (this.#socket.readyState !== WebSocket.OPEN) throw new Error('There is no connection.')
    this.#socket.send(bytes)
  }

  #read(data) {
    if (this.#reason !== null) return
    try {
      for (const packet of this.#reader.push(new Uint8Array(data))) this.#take(packet)
    } catch (error) {
      this.#give(`What came is not MQTT: ${error.message}.`)
    }
  }

  #take(packet) {
    if (packet.type === 'publish') {
      if (packet.qos === 1) this.#send(packets.puback(packet.id))
      this.#onMessage(packet)
    } else if (packet.type !== 'pingresp') {
      this.#waiting.get(packet.type === 'connack' ? 0 : packet.id)?.resolve(packet)
    }
  }

  /** Closes for this reason, which is the one that counts; returns it as an Error. */
  #give(reason) {
    this.#reason ??= reason
    this.#socket?.close(1000)
    return new Error(this.#reason)
  }

  #ended({ code, reason }, url) {
    clearInterval(this.#pings)
    const isNever = this.#waiting.has(0)
    const words = isNever
      ? `No MQTT connection to ${url} came about.`
      : 'The broker ended the connection.'
    this.#reason ??= `${words}${reason ? ` It says: ${reason}.` : ''} (code ${code})`
    for (const { reject } of [...this.#waiting.values()]) reject(new Error(this.#reason))
    this.#onEnd(this.#reason)
  }
}
