// A list that comes in pages: the first at once, more when asked for.

import { get } from './api.js'
import { fill, h, setText, swap } from './dom.js'
import { clock, counted } from './format.js'
import { button, failureBox } from './parts.js'
import { poll } from './poll.js'
import { Table } from './table.js'

const PAGE = 100
/** Rows that one page of a browser shows without effort. */
const MOST = 2000
/** How often the first page is asked for again, where that is cheap. */
const REFRESH_SECONDS = 10

/**
 * `path` is asked with `query()`. `noun` is what one item is called: ['client', 'clients'].
 * `empty(query)` makes what stands there when nothing was found. While nothing is searched for and
 * only the first page is shown, it refreshes itself: a search may be long work for the broker.
 */
export class List {
  #signal
  #options
  #table
  #items = []
  #next = null
  #round = 0
  #signedOut = false
  #place = h('div', { class: 'list-place' })
  #summary = h('span', { role: 'status' })
  #at = h('span', {})
  #more = button('Load more', () => this.#loadMore())

  constructor(signal, options) {
    this.#signal = signal
    this.#options = options
    this.#table = new Table(options)
    this.#more.hidden = true
    const refresh = button('Refresh', () => this.load(), { kind: 'quiet' })
    const summary = h('p', { class: 'summary' }, this.#summary, this.#at)
    const foot = h('div', { class: 'list-foot' }, summary, this.#more, refresh)
    this.element = h('div', { class: 'list' }, this.#place, foot)
  }

  /** Loads the first page, and from now on keeps it fresh. */
  start() {
    let first = true
    poll(this.#signal, REFRESH_SECONDS, async () => {
      if (first || (this.#items.length <= PAGE && this.#isCheap() && !this.#signedOut)) {
        await this.load()
      }
      first = false
    })
  }

  /** Loads the first page for what is searched for now. */
  async load() {
    const page = await this.#ask(null)
    if (page) this.#show(page.items, page.next)
  }

  async #loadMore() {
    this.#more.disabled = true
    const page = await this.#ask(this.#next)
    this.#more.disabled = false
    if (page) this.#show([...this.#items, ...page.items], page.next)
  }

  /** A page, or null when it failed or something else was asked for since. */
  async #ask(cursor) {
    const round = ++this.#round
    try {
      const query = { ...this.#options.query(), limit: PAGE, cursor }
      const page = await get(this.#options.path, query, this.#signal)
      return round === this.#round ? page : null
    } catch (error) {
      if (!this.#signal.aborted && round === this.#round) this.#fail(error)
      return null
    }
  }

  #isCheap() {
    return Object.values(this.#options.query()).every((value) => !value)
  }

  #show(items, next) {
    this.#items = items.slice(0, MOST)
    this.#next = next ?? null
    this.#table.update(this.#items)
    const found = this.#items.length > 0
    const content = found ? this.#table.element : this.#options.empty(this.#options.query())
    swap(this.#place, content)
    this.#more.hidden = this.#next === null || this.#items.length >= MOST
    setText(this.#summary, this.#describe())
    setText(this.#at, `, at ${clock(new Date())}`)
    this.#options.shown?.(this.#items)
  }

  // Without the time, so that those who listen hear of it only when it changes.
  #describe() {
    const shown = counted(this.#items.length, ...this.#options.noun)
    if (this.#next === null) return shown
    const isCut = this.#items.length >= MOST
    return `The first ${shown}${isCut ? ' (narrow the search to see others)' : ''}`
  }

  #fail(error) {
    this.#signedOut = error.isFinal
    this.#items = []
    this.#next = null
    this.#more.hidden = true
    fill(
      this.#place,
      failureBox(error, () => this.load()),
    )
    setText(this.#summary, '')
    setText(this.#at, '')
  }
}
