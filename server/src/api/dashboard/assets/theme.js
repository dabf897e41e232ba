// Light or dark. Not a module: it runs before the first paint, so that no page flashes white.

;(() => {
  const KEY = 'surewire-theme'
  const CHOICES = ['system', 'light', 'dark']

  let choice = remembered()
  apply()
  document.addEventListener('DOMContentLoaded', () => {
    const button = document.querySelector('#theme')
    label(button)
    button.addEventListener('click', () => {
      choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length]
      remember()
      apply()
      label(button)
    })
  })

  function apply() {
    document.documentElement.dataset.theme = choice
  }

  function label(button) {
    button.textContent = `Theme: ${choice}`
  }

  // A browser may forbid storage: the choice then holds for this page only.
  function remembered() {
    try {
      const kept = localStorage.getItem(KEY)
      return CHOICES.includes(kept) ? kept : 'system'
    } catch {
      return 'system'
    }
  }

  function remember() {
    try {
      localStorage.setItem(KEY, choice)
    } catch {
      /* see above */
    }
  }
})()
