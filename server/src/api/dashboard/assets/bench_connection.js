// The publish tab's connection: to which listener, as whom.

import { fill, h, setText } from './dom.js'
import { attempt } from './notices.js'
import { badge, clientLink, field, form, panel, select, textBox } from './parts.js'
import { status } from './status.js'
import { workbench } from './workbench.js'

export class Connection {
  #state = h('span', {})
  #url = select([], { name: 'url' })
  #clientId = textBox({
    name: 'client_id',
    value: `dashboard-${Math.random().toString(36).slice(2, 8)}`,
    required: true,
  })
  #username = textBox({ name: 'username' })
  #password = textBox({ name: 'password', type: 'password' })
  #button = h('button', { type: 'submit', class: 'primary' }, 'Connect')
  #note = h('p', { class: 'hint', role: 'status' })
  #settings

  constructor() {
    if (workbench.clientId) this.#clientId.value = workbench.clientId
    this.#settings = h(
      'fieldset',
      {},
      field('Listener', this.#url),
      field('Client id', this.#clientId),
      h(
        'details',
        {},
        h('summary', {}, 'Sign in'),
        field('User name', this.#username),
        field('Password', this.#password),
      ),
    )
    this.element = panel(
      'Connection',
      { actions: [this.#state] },
      form({ class: 'stack' }, () => attempt(() => this.#act()), this.#settings, this.#button),
      this.#note,
    )
  }

  show() {
    const { state, ended, clientId } = workbench
    fill(
      this.#state,
      badge(
        { off: 'not connected', connecting: 'connecting', on: 'connected' }[state],
        state === 'on' ? 'good' : '',
      ),
    )
    setText(this.#button, state === 'off' ? 'Connect' : 'Disconnect')
    this.#settings.disabled = state !== 'off'
    if (state === 'on') fill(this.#note, 'See it as the broker does: ', clientLink(clientId))
    else setText(this.#note, ended || this.#advice())
  }

  showListeners() {
    const urls = websocketUrls()
    const known = [...this.#url.options].map(({ value }) => value)
    if (JSON.stringify(known) !== JSON.stringify(urls)) {
      fill(
        this.#url,
        urls.map((url) => h('option', { value: url }, url)),
      )
    }
    this.#button.disabled = urls.length === 0
    this.show()
  }

  async #act() {
    if (workbench.state !== 'off') return workbench.disconnect()
    await workbench.connect(this.#url.value, {
      clientId: this.#clientId.value,
      username: this.#username.value,
      password: this.#password.value,
    })
  }

  #advice() {
    if (!status.value || this.#url.options.length > 0) return 'A clean session, with MQTT 3.1.1.'
    return (
      'The broker has no WebSocket listener that this page may use. ' +
      'Publishing through the REST interface is possible.'
    )
  }
}

/** A page that came over TLS may open nothing that is not. */
function websocketUrls() {
  const allowed = location.protocol === 'https:' ? ['wss'] : ['ws', 'wss']
  return (status.value?.listeners ?? [])
    .filter(({ protocol }) => allowed.includes(protocol))
    .map(
      ({ protocol, address }) => `${protocol}://${location.hostname}:${address.split(':').at(-1)}/`,
    )
}
