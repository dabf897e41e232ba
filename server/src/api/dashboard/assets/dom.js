// Elements are made here and nowhere else. Whatever comes from the broker becomes a text node or
// the value of an attribute, never markup: a client may call itself anything.

const SVG = 'http://www.w3.org/2000/svg'

/**
 * An HTML element. An attribute that is a function is the listener of the event of that name; true
 * is an attribute without value; null, undefined and false are left out. Children: nodes, texts,
 * lists of them; null and false are left out.
 */
export function h(tag, attributes, ...children) {
  return furnish(document.createElement(tag), attributes, children)
}

/** An SVG element, as `h`. */
export function svg(tag, attributes, ...children) {
  return furnish(document.createElementNS(SVG, tag), attributes, children)
}

/** Puts these children in place of those that are there. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children))
  return element
}

/** Puts this one child in place, unless it is there already: it keeps its focus. */
export function swap(element, child) {
  if (element.firstElementChild !== child) element.replaceChildren(child)
}

/** Sets the text where it differs: an unchanged text keeps its selection. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text
}

function furnish(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) furnishOne(element, name, value)
  element.append(...present(children))
  return element
}

function furnishOne(element, name, value) {
  if (typeof value === 'function') element.addEventListener(name, value)
  else if (value === true) element.setAttribute(name, '')
  else if (value !== null && value !== undefined && value !== false) {
    element.setAttribute(name, String(value))
  }
}

function present(children) {
  return children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false)
}
