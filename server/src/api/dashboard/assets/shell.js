// What stands around every view: the pulse, the warnings, version and uptime.

import { fill, h, setText } from './dom.js'
import { counted, duration, short } from './format.js'
import { live } from './live.js'
import { prose } from './parts.js'
import { status } from './status.js'

const STREAM = {
  connecting: 'Connecting',
  on: 'Live',
  lost: 'No live numbers: reconnecting',
  paused: 'Paused',
}
const FOLDED_KEY = 'surewire-warnings-folded'
const at = (id) => document.querySelector(`#${id}`)

export function startShell() {
  at('skip').addEventListener('click', (event) => {
    event.preventDefault()
    at('main').focus()
  })
  live.addEventListener('numbers', showPulse)
  live.addEventListener('state', showStream)
  live.addEventListener('state', showPulse)
  status.addEventListener('change', () => {
    showWarnings(status.value?.warnings ?? [])
    showAbout(status.value)
  })
}

function showStream() {
  setText(at('stream'), STREAM[live.state])
  at('stream').dataset.state = live.state
  document.body.classList.toggle('stale', live.state === 'lost')
}

function showPulse() {
  if (document.hidden) return
  setText(at('pulse-in'), `${short(live.rates?.messagesIn)} /s`)
  setText(at('pulse-out'), `${short(live.rates?.messagesOut)} /s`)
}

function showAbout(value) {
  if (!value) return
  setText(at('version'), `Version ${value.version}`)
  setText(at('uptime'), `Up ${duration(value.uptime_seconds)}`)
}

/** Open when they are new; folded for as long as the operator has folded these. */
function showWarnings(warnings) {
  const place = at('warnings')
  const known = JSON.stringify(warnings)
  if (place.dataset.known === known) return
  place.dataset.known = known
  if (warnings.length === 0) return void fill(place)
  const details = h(
    'details',
    { class: 'warnings', open: folded() !== known },
    h('summary', {}, `${counted(warnings.length, 'warning')} from the broker`),
    h(
      'ul',
      {},
      warnings.map(({ path, text }) =>
        h('li', {}, path && h('code', {}, path), path && ' ', prose(text)),
      ),
    ),
  )
  details.addEventListener('toggle', () => fold(details.open ? '' : known))
  fill(place, details)
}

function folded() {
  try {
    return localStorage.getItem(FOLDED_KEY)
  } catch {
    return null
  }
}

function fold(known) {
  try {
    localStorage.setItem(FOLDED_KEY, known)
  } catch {
    /* a browser may forbid storage: they open again with the next page */
  }
}
