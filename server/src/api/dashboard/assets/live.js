// The stream of numbers: cumulative counts come in once a second, rates go out.

import { History } from './history.js'

/** Without a word for this long the stream counts as lost, whatever the socket says. */
const SILENCE_MS = 6_000
const RETRY_MS = 3_000
/** A hidden page gives its connection back after this long: browsers have few of them. */
const HIDDEN_MS = 10 * 60_000
/** Counts further apart than this say nothing about the rate now. */
const FRESH_MS = 10_000
/** Counts closer together than this say little about it either. */
const SHORTEST_MS = 500

/**
 * Fires `numbers` when there are new ones and `state` when the stream comes or goes. `state` is
 * connecting, on, lost or paused; `numbers` the last that came, `rates` what follows from the last
 * two, or null.
 */
class Live extends EventTarget {
  state = 'connecting'
  numbers = null
  rates = null
  history = new History()
  #counted = null
  #source = null
  #timer = null
  #hiddenTimer = null

  start() {
    document.addEventListener('visibilitychange', () => this.#onVisibility())
    this.#open()
  }

  #open() {
    this.#close()
    this.#source = new EventSource('api/v1/live')
    this.#source.addEventListener('numbers', (event) => this.#take(JSON.parse(event.data)))
    this.#source.addEventListener('error', () => this.#lose())
    this.#expect(SILENCE_MS)
  }

  #close() {
    clearTimeout(this.#timer)
    this.#source?.close()
    this.#source = null
  }

  // Our own timer rather than the browser's retries: those give up for good at a status like 401
  // or 503, and never notice a connection that is silent.
  #lose() {
    this.#close()
    this.#become('lost')
    this.#timer = setTimeout(() => this.#open(), RETRY_MS)
  }

  #expect(milliseconds) {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#lose(), milliseconds)
  }

  #take(numbers) {
    this.#expect(SILENCE_MS)
    this.numbers = numbers
    const elapsed = this.#counted ? new Date(numbers.at) - new Date(this.#counted.at) : Infinity
    if (elapsed < 0 || elapsed >= SHORTEST_MS) {
      this.rates = ratesBetween(this.#counted, numbers, elapsed)
      this.#counted = numbers
      this.history.push(performance.now(), { ...this.rates, connections: numbers.connections })
    }
    this.#become('on')
    this.dispatchEvent(new Event('numbers'))
  }

  #become(state) {
    if (this.state === state) return
    this.state = state
    if (state !== 'on') this.rates = null
    this.dispatchEvent(new Event('state'))
  }

  #onVisibility() {
    if (!document.hidden) {
      clearTimeout(this.#hiddenTimer)
      if (this.state === 'paused') this.#open()
      return
    }
    this.#hiddenTimer = setTimeout(() => {
      this.#close()
      this.#become('paused')
    }, HIDDEN_MS)
  }
}

/** Null when the counts do not belong together: a pause between them, a restart of the broker. */
function ratesBetween(before, after, elapsed) {
  if (!(elapsed > 0 && elapsed <= FRESH_MS)) return null
  const [from, to] = [countsOf(before), countsOf(after)]
  const rates = {}
  for (const name of Object.keys(to)) {
    if (to[name] < from[name]) return null
    rates[name] = ((to[name] - from[name]) * 1000) / elapsed
  }
  return rates
}

function countsOf({ messages, bytes, connects, refused }) {
  return {
    messagesIn: messages.received,
    messagesOut: messages.sent,
    bytesIn: bytes.received,
    bytesOut: bytes.sent,
    drops: messages.dropped,
    connects,
    refused,
  }
}

export const live = new Live()
