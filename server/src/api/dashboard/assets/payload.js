// A payload as text, as JSON or as bytes.

import { fill, h } from './dom.js'
import { bytes as sizeOf } from './format.js'
import { select } from './parts.js'

/** A page with megabytes of text in it is slow; the rest is there through the REST interface. */
const MOST_CHARACTERS = 200_000
const MOST_HEX_BYTES = 16_384
const narrow = matchMedia('(max-width: 760px)')

/** What is shown of `bytes` (a Uint8Array), with a choice of how. */
export function payloadView(bytes) {
  const text = textOf(bytes)
  const json = text === null ? null : prettyOf(text)
  const ways = {
    ...(json !== null && { json: ['JSON', () => cut(json)] }),
    ...(text !== null && { text: ['text', () => cut(text)] }),
    hex: ['hexadecimal', () => hexOf(bytes)],
  }
  const content = h('pre', { class: 'payload', tabindex: '0', 'aria-label': 'Payload' })
  const way = select(
    Object.entries(ways).map(([key, [label]]) => [key, label]),
    { 'aria-label': 'Show the payload as' },
  )
  const show = () => fill(content, bytes.length > 0 ? ways[way.value][1]() : '(empty)')
  way.addEventListener('change', show)
  show()
  return h(
    'div',
    { class: 'payload-view' },
    h('div', { class: 'payload-head' }, h('span', {}, sizeOf(bytes.length)), way),
    content,
  )
}

/** One line for a list. */
export function previewOf(bytes) {
  const text = textOf(bytes.subarray(0, 400))
  return text ?? Array.from(bytes.subarray(0, 48), hexByte).join(' ')
}

export function bytesOf(payload, encoding) {
  if (encoding === 'base64') return Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))
  return new TextEncoder().encode(payload)
}

/** Null when it is no text: not UTF-8, or with control characters that no text has. */
function textOf(bytes) {
  try {
    // A preview may end within a character: only what comes before counts.
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes, {
      stream: true,
    })
    return /[\u0000-\u0008\u000e-\u001a]/.test(text) ? null : text
  } catch {
    return null
  }
}

function prettyOf(text) {
  if (!/^\s*[[{]/.test(text) || text.length > MOST_CHARACTERS) return null
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return null
  }
}

function cut(text) {
  if (text.length <= MOST_CHARACTERS) return text
  return `${text.slice(0, MOST_CHARACTERS)}\n… cut here`
}

function hexOf(bytes) {
  const lines = []
  const width = narrow.matches ? 8 : 16
  for (let at = 0; at < Math.min(bytes.length, MOST_HEX_BYTES); at += width) {
    const part = bytes.subarray(at, at + width)
    const hex = Array.from(part, hexByte).join(' ')
    const readable = String.fromCharCode(...part).replace(/[^ -~]/g, '.')
    lines.push(`${at.toString(16).padStart(6, '0')}  ${hex.padEnd(width * 3)} ${readable}`)
  }
  if (bytes.length > MOST_HEX_BYTES) lines.push('… cut here')
  return lines.join('\n')
}

function hexByte(byte) {
  return byte.toString(16).padStart(2, '0')
}
