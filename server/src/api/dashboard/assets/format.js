// Numbers, sizes and times as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const oneDigit = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })
const clockOnly = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })
const dayAndClock = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
})
const everything = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long' })

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']
export const NOTHING = '–'

/** 12,345 */
export function count(n) {
  return n === null || n === undefined ? NOTHING : whole.format(n)
}

/** `count` with its noun: "1 client", "2 clients". */
export function counted(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** A number per second: 0.4, 12, 3,456. */
export function perSecond(n) {
  if (!Number.isFinite(n)) return NOTHING
  return n < 9.95 ? fewDigits(n) : whole.format(n)
}

/** Few characters: 950, 12.3k, 4.6M. */
export function short(n) {
  if (!Number.isFinite(n)) return NOTHING
  for (const [from, unit] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e4, 'k'],
  ]) {
    const scale = unit === 'k' ? 1e3 : from
    if (n >= from) return `${fewDigits(n / scale)}${unit}`
  }
  return perSecond(n)
}

/** 512 B, 1.5 KiB, 64 MiB. */
export function bytes(n) {
  if (!Number.isFinite(n)) return NOTHING
  let unit = 0
  while (n >= 1024 && unit < BYTE_UNITS.length - 1) {
    n /= 1024
    unit += 1
  }
  return `${unit === 0 ? whole.format(n) : fewDigits(n)} ${BYTE_UNITS[unit]}`
}

function fewDigits(n) {
  return (n >= 99.95 || Number.isInteger(Math.round(n * 10) / 10) ? whole : oneDigit).format(n)
}

/** 45 s, 12 min 5 s, 3 h 20 min, 5 d 4 h: the two greatest units. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return NOTHING
  const units = [
    ['d', 86400],
    ['h', 3600],
    ['min', 60],
    ['s', 1],
  ]
  const first = units.findIndex(([, size]) => seconds >= size)
  if (first < 0) return '0 s'
  let rest = Math.floor(seconds)
  const parts = units.slice(first, first + 2).map(([name, size]) => {
    const n = Math.floor(rest / size)
    rest -= n * size
    return n > 0 ? `${n} ${name}` : ''
  })
  return parts.filter(Boolean).join(' ')
}

/** The time of day; with the date when it is not today. */
export function clock(time, now = new Date()) {
  const date = asDate(time)
  if (!date) return NOTHING
  return date.toDateString() === now.toDateString()
    ? clockOnly.format(date)
    : dayAndClock.format(date)
}

/** Everything there is to say about a time, for titles. */
export function fullTime(time) {
  const date = asDate(time)
  return date ? everything.format(date) : ''
}

/** "3 min ago", for times that are not far. */
export function ago(time, now = new Date()) {
  const date = asDate(time)
  if (!date) return NOTHING
  const seconds = Math.max(0, (now - date) / 1000)
  return seconds < 1
    ? 'just now'
    : `${duration(seconds < 60 ? seconds : seconds - (seconds % 60))} ago`
}

export function yesNo(value) {
  return value ? 'yes' : 'no'
}

function asDate(time) {
  const date = time ? new Date(time) : null
  return date && !Number.isNaN(date.getTime()) ? date : null
}
