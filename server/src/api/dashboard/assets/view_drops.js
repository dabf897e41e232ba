// What did not arrive, and who was not let in, of all clients.

import { get } from './api.js'
import { fill, h, setText, swap } from './dom.js'
import { clock, counted } from './format.js'
import { checkbox, empty, field, form, heading, searchBox, select } from './parts.js'
import { polled } from './poll.js'
import { kinds, recentTable } from './recent.js'

const SECONDS = 3
const LIMIT = 500

export const title = () => 'Drops and refusals'

export function open(place, route, signal) {
  const view = new DropsView()
  fill(
    place,
    heading('Drops and refusals'),
    view.controls(),
    polled(signal, SECONDS, () => view.ask(signal)),
    view.place,
    view.summary,
  )
}

class DropsView {
  place = h('div', { class: 'list-place' })
  summary = h('p', { class: 'summary' })
  #kind = select([['', 'everything'], ...kinds], { name: 'kind', change: () => this.#show() })
  #filter = searchBox({ name: 'filter', input: () => this.#show() })
  #table = recentTable()
  #isHeld = false
  #items = null

  controls() {
    const hold = checkbox('Hold still', {
      change: ({ target }) => {
        this.#isHeld = target.checked
      },
    })
    return form(
      { class: 'searches', role: 'search' },
      () => this.#show(),
      field('Show', this.#filter, { hint: 'A part of the client id, topic or reason' }),
      field('What', this.#kind, { kind: 'middle' }),
      hold,
    )
  }

  async ask(signal) {
    if (this.#isHeld) return
    const { items } = await get('recent', { limit: LIMIT }, signal)
    this.#items = items
    this.#show()
  }

  #show() {
    if (!this.#items) return
    const found = this.#items.filter((item) => this.#isWanted(item))
    this.#table.update(found)
    const content = found.length > 0 ? this.#table.element : this.#empty()
    swap(this.place, content)
    setText(
      this.summary,
      `${counted(found.length, 'entry', 'entries')}, at ${clock(new Date())}. ` +
        'The same again within a short time is counted, not repeated.',
    )
  }

  #isWanted({ kind, client_id, topic, text, reason }) {
    if (this.#kind.value && kind !== this.#kind.value) return false
    const part = this.#filter.value.toLowerCase()
    return [client_id, topic, text, reason].some((s) => (s ?? '').toLowerCase().includes(part))
  }

  #empty() {
    if (this.#items.length > 0) return empty('Nothing of what is remembered matches.')
    return empty(
      'Nothing was dropped or refused of late.',
      'Whatever is will be listed here with its reason.',
    )
  }
}
