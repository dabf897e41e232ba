// What came of an action, said once at the edge of the page and to those who listen.

import { h } from './dom.js'
import { prose } from './parts.js'

const SHOWN_MS = 7_000
const MOST = 3

export function tell(text) {
  show(text, 'good')
}

export function tellFailure(error) {
  show(error.message, 'bad')
}

/** Runs what an operator asked for; a failure is told. */
export async function attempt(action) {
  try {
    await action()
  } catch (error) {
    tellFailure(error)
  }
}

function show(text, kind) {
  const place = document.querySelector('#notices')
  const notice = h('p', { class: kind }, prose(text))
  place.append(notice)
  while (place.children.length > MOST) place.firstElementChild.remove()
  setTimeout(() => notice.remove(), SHOWN_MS)
}
