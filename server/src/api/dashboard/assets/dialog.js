// Asking before something is taken away.

import { h } from './dom.js'
import { button } from './parts.js'

/**
 * Resolves to true when the operator agrees. `lines` are texts or nodes that say what will happen;
 * `action` is the verb on the button.
 */
export function confirmed({ title, lines, action }) {
  return new Promise((resolve) => {
    const dialog = h(
      'dialog',
      { 'aria-labelledby': 'dialog-title', close: end },
      h('h2', { id: 'dialog-title' }, title),
      lines.map((line) => h('p', {}, line)),
      h(
        'div',
        { class: 'actions' },
        button('Cancel', () => dialog.close(), { autofocus: true }),
        button(action, () => dialog.close('yes'), { kind: 'danger' }),
      ),
    )
    function end() {
      dialog.remove()
      resolve(dialog.returnValue === 'yes')
    }
    document.body.append(dialog)
    dialog.showModal()
  })
}
