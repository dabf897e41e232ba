// What the broker says about itself: versions, listeners, limits, warnings. Shared by all views.

import { get } from './api.js'
import { poll } from './poll.js'

const SECONDS = 10

/** Fires `change` after each answer and each failure. `value` is the last answer or null. */
class Status extends EventTarget {
  value = null
  failure = null

  start() {
    poll(
      new AbortController().signal,
      SECONDS,
      () => this.#ask(),
      (e) => this.#settle(this.value, e),
    )
  }

  /** Calls `listener` now, if there is an answer, and at each change until `signal` aborts. */
  watch(signal, listener) {
    this.addEventListener('change', () => listener(this), { signal })
    if (this.value || this.failure) listener(this)
  }

  async #ask() {
    this.#settle(await get('status'), null)
  }

  #settle(value, failure) {
    this.value = value
    this.failure = failure
    this.dispatchEvent(new Event('change'))
  }
}

export const status = new Status()
