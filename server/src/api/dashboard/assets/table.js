// A table whose rows are kept while their items stay: what is focused or selected remains so.

import { fill, h, setText } from './dom.js'

/**
 * Columns: { title, kind: 'name' | 'number' | 'text' | 'action', and one of
 *   text(item)            a text; with href(item) it is a link, unless that is null
 *   make(item)            a node or nodes, made anew when the item has changed }
 * `key(item)` tells items apart; `version(item)` tells whether one has changed, by default all of
 * it. On a narrow screen every row becomes a card, with the titles as labels; the roles keep it a
 * table for those who listen.
 */
export class Table {
  #body = h('tbody', { role: 'rowgroup' })
  #rows = new Map()
  #columns
  #key
  #version

  constructor({ caption, columns, key, version = JSON.stringify }) {
    this.#columns = columns
    this.#key = key
    this.#version = version
    const titles = columns.map(({ title, kind }) =>
      h('th', { scope: 'col', role: 'columnheader', class: kind }, title),
    )
    this.element = h(
      'table',
      { role: 'table' },
      h('caption', { class: 'unseen' }, caption),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, titles)),
      this.#body,
    )
  }

  /** Shows these items, in this order. */
  update(items) {
    const before = this.#rows
    this.#rows = new Map()
    for (const item of items) {
      const key = this.#freeKey(item)
      const row = before.get(key) ?? this.#makeRow()
      before.delete(key)
      this.#rows.set(key, row)
      this.#show(row, item)
    }
    for (const row of before.values()) row.element.remove()
    this.#order()
  }

  get size() {
    return this.#rows.size
  }

  #freeKey(item) {
    const key = this.#key(item)
    let free = key
    for (let n = 2; this.#rows.has(free); n += 1) free = `${key}\n${n}`
    return free
  }

  #makeRow() {
    const cells = this.#columns.map(({ title, kind }) =>
      h('td', { role: 'cell', class: kind, 'data-label': title }),
    )
    return { element: h('tr', { role: 'row' }, cells), cells, shown: null }
  }

  #show(row, item) {
    const shown = this.#version(item)
    if (row.shown === shown) return
    row.shown = shown
    this.#columns.forEach((column, n) => showCell(row.cells[n], column, item))
  }

  #order() {
    let at = this.#body.firstElementChild
    for (const { element } of this.#rows.values()) {
      if (element === at) at = at.nextElementSibling
      else this.#body.insertBefore(element, at)
    }
  }
}

function showCell(cell, column, item) {
  if (column.make) {
    fill(cell, column.make(item))
    return
  }
  const text = String(column.text(item))
  const href = column.href?.(item) ?? null
  const holder = holderIn(cell, href ? 'a' : 'bdi')
  if (href) holder.setAttribute('href', href)
  if (column.kind === 'name') holder.title = text
  setText(holder, text)
}

function holderIn(cell, tag) {
  if (cell.firstElementChild?.localName !== tag) fill(cell, h(tag, {}))
  return cell.firstElementChild
}
