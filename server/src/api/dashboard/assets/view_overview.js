// All of the broker at a glance.

import { get } from './api.js'
import { Chart } from './chart.js'
import { fill, h, setText, swap } from './dom.js'
import { bytes, count, duration, perSecond, short } from './format.js'
import { live } from './live.js'
import { empty, heading, panel, select } from './parts.js'
import { polled } from './poll.js'
import { recentTable } from './recent.js'
import { status } from './status.js'

const RECENT_SECONDS = 5
const RECENT_SHOWN = 8
const WINDOWS = [
  ['300', 'last 5 minutes'],
  ['1200', 'last 20 minutes'],
  ['3600', 'last hour'],
]

const CHARTS = [
  {
    title: 'Messages per second',
    base: 1000,
    format: short,
    say: (v) => perSecond(v),
    series: [
      { label: 'In', key: 'messagesIn', kind: 'in' },
      { label: 'Out', key: 'messagesOut', kind: 'out' },
    ],
  },
  {
    title: 'Bytes per second',
    base: 1024,
    format: bytes,
    say: bytes,
    series: [
      { label: 'In', key: 'bytesIn', kind: 'in' },
      { label: 'Out', key: 'bytesOut', kind: 'out' },
    ],
  },
  {
    title: 'Drops per second',
    base: 1000,
    format: short,
    say: (v) => perSecond(v),
    series: [{ label: 'Dropped', key: 'drops', kind: 'drop' }],
  },
  {
    title: 'Connections',
    base: 1000,
    format: short,
    say: count,
    series: [{ label: 'Connected', key: 'connections', kind: 'plain' }],
  },
]

export const title = () => 'Overview'

export function open(place, route, signal) {
  const charts = CHARTS.map((options) => new Chart(options))
  const span = select(WINDOWS, { 'aria-label': 'Charts show the' })
  span.addEventListener('change', () =>
    charts.forEach((chart) => {
      chart.seconds = Number(span.value)
    }),
  )
  fill(
    place,
    heading('Overview', span),
    tallies(signal),
    h(
      'div',
      { class: 'charts' },
      charts.map((chart) => chart.element),
    ),
    recent(signal),
  )
  for (const chart of charts) {
    chart.follow(signal)
    chart.draw()
  }
}

function tallies(signal) {
  const shown = [
    tally('Connections', '#/clients', () => count(live.numbers?.connections)),
    tally('Sessions', '#/sessions', () => count(live.numbers?.sessions)),
    tally('Subscriptions', '#/subscriptions', () => count(live.numbers?.subscriptions), awaited),
    tally('Retained', '#/retained', () => count(live.numbers?.retained_messages), retainedBytes),
    tally('Dropped', '#/drops', () => count(live.numbers?.messages.dropped), dropRate),
    tally(
      'Refused',
      '#/drops',
      () => count(live.numbers?.refused),
      () => 'connections',
    ),
    tally('Uptime', '#/broker', () => duration(status.value?.uptime_seconds)),
  ]
  const update = () => shown.forEach(({ show }) => show())
  live.addEventListener('numbers', update, { signal })
  status.watch(signal, update)
  update()
  return h(
    'div',
    { class: 'tallies' },
    shown.map(({ element }) => element),
  )
}

function tally(label, href, value, note = () => '') {
  const number = h('strong', {})
  const small = h('small', {})
  const element = h('a', { class: 'tally', href }, h('span', {}, label), number, small)
  const show = () => {
    setText(number, value())
    setText(small, note())
  }
  return { element, show }
}

function retainedBytes() {
  return status.value ? bytes(status.value.counts.retained_bytes) : ''
}

function dropRate() {
  return live.rates ? `${perSecond(live.rates.drops)} /s` : ''
}

/** Clients that never came, and have subscriptions waiting for them. */
function awaited() {
  const n = status.value?.counts.waiting_clients ?? 0
  return n > 0 ? `${count(n)} awaited` : ''
}

function recent(signal) {
  const table = recentTable()
  const place = h('div', { class: 'list-place' })
  const ask = async () => {
    const { items } = await get('recent', { limit: RECENT_SHOWN }, signal)
    table.update(items)
    const content =
      items.length > 0 ? table.element : empty('Nothing was dropped or refused of late.')
    swap(place, content)
  }
  return panel(
    'Recent drops and refusals',
    { actions: [h('a', { href: '#/drops' }, 'All of them')] },
    polled(signal, RECENT_SECONDS, ask),
    place,
  )
}
