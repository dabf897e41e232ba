// Small pieces that several views are made of.

import { fill, h, svg } from './dom.js'
import { bytes, clock, count, fullTime } from './format.js'
import { clientHref, hrefOf } from './routes.js'

/** A titled box. `actions` stand to the right of the title. */
export function panel(title, { actions = [], kind = '' } = {}, ...children) {
  const head = h('div', { class: 'panel-head' }, h('h2', {}, title), actions)
  return h('section', { class: `panel ${kind}` }, head, ...children)
}

/** The title of a view, which takes the focus when the view opens. */
export function heading(text, ...beside) {
  return h('div', { class: 'view-head' }, h('h1', { tabindex: '-1' }, text), beside)
}

export function button(text, onClick, { kind = '', ...attributes } = {}) {
  return h('button', { type: 'button', class: kind, click: onClick, ...attributes }, text)
}

/** Names and values; a value is a text or a node. What is no pair is left out. */
export function facts(pairs, kind = '') {
  return h(
    'dl',
    { class: `facts ${kind}` },
    pairs
      .filter(Boolean)
      .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  )
}

/** A client id, topic or filter: as it is, apart from the direction of the text around it. */
export function name(text) {
  return h('bdi', { class: 'name', title: text }, text)
}

export function clientLink(clientId, query, text = clientId) {
  return h('a', { class: 'name', href: clientHref(clientId, query), title: text }, text)
}

export function matchingLink(topic) {
  const title = `Subscriptions that match ${topic}`
  return h('a', { class: 'name', href: hrefOf(['subscriptions'], { topic }), title }, topic)
}

/** A sentence of the broker's, in which names stand between backticks. */
export function prose(text) {
  const parts = text.split('`')
  if (parts.length % 2 === 0) return [text]
  return parts.map((part, n) => (n % 2 === 0 ? part : h('code', {}, part)))
}

export function badge(text, kind = '') {
  return h('span', { class: `badge ${kind}` }, text)
}

export function time(value) {
  return value
    ? h('time', { datetime: value, title: fullTime(value) }, clock(value))
    : h('span', {}, '–')
}

/** How much of a limit is used. Without a limit there is only the number. */
export function gauge(label, used, limit, format = count) {
  const full = limit ? Math.min(1, used / limit) : 0
  const kind = full >= 1 ? 'bad' : full >= 0.75 ? 'warn' : ''
  return h(
    'div',
    { class: `gauge ${kind}` },
    h('span', {}, label),
    h(
      'span',
      { class: 'number' },
      limit ? `${format(used)} of ${format(limit)}` : `${format(used)}, no limit`,
    ),
    svg(
      'svg',
      { class: 'bar', width: '100%', height: '6', 'aria-hidden': 'true' },
      svg('rect', { class: 'track', width: '100%', height: '6', rx: '3' }),
      svg('rect', { class: 'fill', width: `${full * 100}%`, height: '6', rx: '3' }),
    ),
  )
}

export const byteGauge = (label, used, limit) => gauge(label, used, limit, bytes)

/** What is shown where there is nothing to show. */
export function empty(text, hint) {
  return h('div', { class: 'empty' }, h('p', {}, text), hint && h('p', { class: 'hint' }, hint))
}

/** Without `retry` it is something that is asked again by itself. */
export function failureBox(error, retry) {
  return h(
    'div',
    { class: 'failure', role: 'alert' },
    h('p', {}, prose(error.message), !retry && !error.isFinal && ' This page keeps asking.'),
    retry && button('Try again', retry),
  )
}

/** Shows a failure that may last, or none; what stays the same is not announced again. */
export function showFailure(place, error) {
  const box = error ? failureBox(error) : null
  if (place.textContent !== (box?.textContent ?? '')) fill(place, box)
}

/** A labelled control. */
export function field(label, control, { hint, kind = '' } = {}) {
  return h(
    'label',
    { class: `field ${kind}` },
    h('span', {}, label, hint && h('small', {}, hint)),
    control,
  )
}

/** A box for names: nothing in it is corrected or completed. */
export function searchBox(attributes) {
  return textBox({ type: 'search', ...attributes })
}

export function textBox(attributes) {
  return h('input', {
    spellcheck: 'false',
    autocomplete: 'off',
    autocapitalize: 'off',
    ...attributes,
  })
}

export function checkbox(label, attributes) {
  return h(
    'label',
    { class: 'check' },
    h('input', { type: 'checkbox', ...attributes }),
    h('span', {}, label),
  )
}

export function select(options, attributes) {
  return h(
    'select',
    attributes,
    options.map(([value, text, selected]) => h('option', { value, selected }, text)),
  )
}

/** A form that is never sent anywhere: `onSubmit` is called instead. */
export function form(attributes, onSubmit, ...children) {
  const submit = (event) => {
    event.preventDefault()
    onSubmit(event)
  }
  return h('form', { ...attributes, submit }, ...children)
}

/** Calls `action` when nothing more was typed for a moment. */
export function whenTyped(action, signal) {
  let timer
  signal.addEventListener('abort', () => clearTimeout(timer))
  return () => {
    clearTimeout(timer)
    timer = setTimeout(action, 300)
  }
}
