// A line chart over the last minutes, drawn by hand as SVG.

import { fill, h, setText, svg } from './dom.js'
import { live } from './live.js'

const HEIGHT = 132
const MARGIN = { top: 10, right: 8, bottom: 18, left: 52 }
/** Pixels from one point of a line to the next. */
const STEP = 3
const still = matchMedia('(prefers-reduced-motion: reduce)')
const STILL_SECONDS = 5

/**
 * `series`: { label, key, kind }, kind being the CSS class of the line. `format` says a value in a
 * few characters; `base` is 1000 or 1024, for round numbers on the axis.
 */
export class Chart {
  #plot = svg('svg', { class: 'plot', height: HEIGHT, role: 'img' })
  #legend = new Map()
  #options
  #seconds = 300
  #points = null
  #pointer = null
  #ticks = 0

  constructor(options) {
    this.#options = options
    const entries = options.series.map((series) => this.#entry(series))
    this.element = h(
      'section',
      { class: 'panel chart' },
      h(
        'div',
        { class: 'panel-head' },
        h('h2', {}, options.title),
        h('dl', { class: 'legend' }, entries),
      ),
      this.#plot,
    )
    this.#plot.setAttribute('aria-label', `${options.title}, as a chart`)
    this.#plot.addEventListener('pointermove', (event) => this.#point(event.offsetX))
    this.#plot.addEventListener('pointerleave', () => this.#point(null))
  }

  /** Follows the live numbers until `signal` aborts. */
  follow(signal) {
    live.addEventListener('numbers', () => this.#tick(), { signal })
    live.addEventListener('state', () => this.draw(), { signal })
    const observer = new ResizeObserver(() => this.draw())
    observer.observe(this.#plot)
    signal.addEventListener('abort', () => observer.disconnect())
  }

  /** How far back it looks. */
  set seconds(value) {
    this.#seconds = value
    this.draw()
  }

  draw() {
    const width = this.#plot.clientWidth
    if (width <= MARGIN.left + MARGIN.right || document.hidden) return
    const area = {
      left: MARGIN.left,
      right: width - MARGIN.right,
      top: MARGIN.top,
      bottom: HEIGHT - MARGIN.bottom,
    }
    this.#points = this.#read(area)
    const top = roundTop(maximum(this.#points), this.#options.base)
    const y = (value) => area.bottom - (value / top) * (area.bottom - area.top)
    this.#plot.setAttribute('viewBox', `0 0 ${width} ${HEIGHT}`)
    fill(this.#plot, this.#grid(area, top, y), this.#lines(area, y), this.#cursor(area, y))
    this.#tell(area)
  }

  #tick() {
    this.#ticks += 1
    if (!still.matches || this.#ticks % STILL_SECONDS === 1) this.draw()
    else this.#tell(null)
  }

  #entry({ label, key, kind }) {
    const value = h('dd', {}, '–')
    this.#legend.set(key, value)
    return h('div', {}, h('dt', { class: kind }, label), value)
  }

  #read({ left, right }) {
    const now = performance.now()
    const buckets = Math.max(1, Math.min(this.#seconds, Math.floor((right - left) / STEP)))
    return this.#options.series.map(({ key }) =>
      live.history.averages(key, now - this.#seconds * 1000, now, buckets),
    )
  }

  #grid({ left, right, bottom }, top, y) {
    const levels = [0, 0.5, 1].map((part) => [
      svg('line', { class: 'grid', x1: left, x2: right, y1: y(top * part), y2: y(top * part) }),
      svg(
        'text',
        { x: left - 8, y: y(top * part) + 4, 'text-anchor': 'end' },
        this.#options.format(top * part),
      ),
    ])
    const minutes = this.#seconds / 60
    const times = [
      [0, `${minutes} min ago`, 'start'],
      [0.5, `${minutes / 2} min`, 'middle'],
      [1, 'now', 'end'],
    ]
    return [
      levels,
      times.map(([part, text, anchor]) =>
        svg(
          'text',
          {
            x: left + part * (right - left),
            y: bottom + 14,
            'text-anchor': anchor,
          },
          text,
        ),
      ),
    ]
  }

  #lines({ left, right, bottom }, y) {
    return this.#options.series.map(({ kind }, n) => {
      const values = this.#points[n]
      const x = (index) => left + ((index + 0.5) / values.length) * (right - left)
      const runs = runsOf(values)
      const line = runs.map(
        (run) => `M${run.map((i) => `${x(i).toFixed(1)} ${y(values[i]).toFixed(1)}`).join('L')}`,
      )
      const area = runs.map((run, r) => `${line[r]}V${bottom}H${x(run[0]).toFixed(1)}Z`)
      return [
        svg('path', { class: `area ${kind}`, d: area.join('') }),
        svg('path', { class: `line ${kind}`, d: line.join('') }),
      ]
    })
  }

  #cursor({ left, right, top, bottom }, y) {
    const index = this.#indexAt({ left, right })
    if (index === null) return null
    const x = left + ((index + 0.5) / this.#points[0].length) * (right - left)
    const dots = this.#options.series.map(({ kind }, n) =>
      Number.isNaN(this.#points[n][index])
        ? null
        : svg('circle', { class: kind, cx: x, cy: y(this.#points[n][index]), r: 3 }),
    )
    return [svg('line', { class: 'cursor', x1: x, x2: x, y1: top, y2: bottom }), dots]
  }

  #indexAt({ left, right }) {
    if (this.#pointer === null) return null
    const index = Math.floor(((this.#pointer - left) / (right - left)) * this.#points[0].length)
    return index >= 0 && index < this.#points[0].length ? index : null
  }

  #point(x) {
    this.#pointer = x
    this.draw()
  }

  /** The legend says the values under the pointer, else those of now. */
  #tell(area) {
    const index = area && this.#points ? this.#indexAt(area) : null
    this.#options.series.forEach(({ key }, n) => {
      const value = index === null ? valueNow(key) : this.#points[n][index]
      setText(this.#legend.get(key), this.#options.say(value))
    })
  }
}

function valueNow(key) {
  return key === 'connections' ? live.numbers?.connections : live.rates?.[key]
}

function maximum(lists) {
  let most = 0
  for (const values of lists) for (const value of values) if (value > most) most = value
  return most
}

/** The least of 1, 2, 4 or 5 times a power that holds `value`. */
function roundTop(value, base) {
  const unit = base === 1024 ? 1024 ** Math.floor(Math.log2(Math.max(1, value)) / 10) : 1
  let power = 1
  while (power * 10 < value / unit) power *= 10
  for (const factor of [1, 2, 4, 10]) {
    if (factor * power * unit >= value) return Math.max(2, factor * power) * unit
  }
  return 10 * power * unit
}

/** Indices of what belongs to one line each: a short hole is bridged, a long one is a gap. */
function runsOf(values) {
  const runs = []
  let last = -Infinity
  values.forEach((value, n) => {
    if (Number.isNaN(value)) return
    if (n - last > 3) runs.push([])
    runs.at(-1).push(n)
    last = n
  })
  return runs
}
