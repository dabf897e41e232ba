// Asking again and again, but only while somebody may look.

import { h } from './dom.js'
import { showFailure } from './parts.js'

/**
 * Runs `task` now and `seconds` after each end of it, while the page is visible, until `signal`
 * aborts. `onFailure` is told of each failure; one that is final ends the polling.
 */
export async function poll(signal, seconds, task, onFailure = () => {}) {
  while (!signal.aborted) {
    await visible(signal)
    try {
      if (!signal.aborted) await task()
    } catch (error) {
      if (signal.aborted) return
      onFailure(error)
      if (error.isFinal) return
    }
    await pause(seconds * 1000, signal)
  }
}

/** Polls, and returns an element that says what is wrong as long as it fails. */
export function polled(signal, seconds, task) {
  const trouble = h('div', { class: 'trouble' })
  const succeed = async () => {
    await task()
    showFailure(trouble, null)
  }
  poll(signal, seconds, succeed, (error) => showFailure(trouble, error))
  return trouble
}

function visible(signal) {
  if (!document.hidden) return Promise.resolve()
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return
      document.removeEventListener('visibilitychange', look)
      signal.removeEventListener('abort', look)
      resolve()
    }
    document.addEventListener('visibilitychange', look)
    signal.addEventListener('abort', look)
  })
}

function pause(milliseconds, signal) {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener('abort', end)
  })
}
