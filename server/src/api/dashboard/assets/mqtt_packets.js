// MQTT 3.1.1 packets, as far as the publish tab needs them: written to bytes, read from bytes.

const CONNECT = 1
const CONNACK = 2
const PUBLISH = 3
const PUBACK = 4
const SUBSCRIBE = 8
const SUBACK = 9
const UNSUBSCRIBE = 10
const UNSUBACK = 11
const PINGREQ = 12
const PINGRESP = 13
const DISCONNECT = 14

const NAMES = {
  [CONNACK]: 'connack',
  [PUBLISH]: 'publish',
  [PUBACK]: 'puback',
  [SUBACK]: 'suback',
  [UNSUBACK]: 'unsuback',
  [PINGRESP]: 'pingresp',
}
const MOST_BYTES_OF_STRING = 65535
const utf8 = new TextEncoder()

/** A clean session; `username` and `password` may be empty. */
export function connect({ clientId, username, password, keepAliveSeconds }) {
  const flags = 0b10 | (username ? 0x80 : 0) | (username && password ? 0x40 : 0)
  const credentials = username ? [string(username), password ? string(password) : []] : []
  return packet(
    CONNECT,
    0,
    string('MQTT'),
    [4, flags],
    u16(keepAliveSeconds),
    string(clientId),
    ...credentials,
  )
}

export function publish({ topic, payload, qos, retain, id }) {
  const flags = (qos << 1) | (retain ? 1 : 0)
  return packet(PUBLISH, flags, string(topic), qos > 0 ? u16(id) : [], payload)
}

export function puback(id) {
  return packet(PUBACK, 0, u16(id))
}

export function subscribe(id, filter, qos) {
  return packet(SUBSCRIBE, 2, u16(id), string(filter), [qos])
}

export function unsubscribe(id, filter) {
  return packet(UNSUBSCRIBE, 2, u16(id), string(filter))
}

export const pingreq = () => packet(PINGREQ, 0)
export const disconnect = () => packet(DISCONNECT, 0)

/** Cuts a stream of bytes into packets: { type, .. }. Throws an Error at what is no packet. */
export class Reader {
  #rest = new Uint8Array(0)

  /** The packets that are complete with these bytes. */
  push(bytes) {
    let rest = this.#rest.length > 0 ? joined([this.#rest, bytes]) : bytes
    const packets = []
    for (;;) {
      const size = sizeOf(rest)
      if (size === null || rest.length < size.whole) break
      packets.push(parse(rest[0], rest.subarray(size.head, size.whole)))
      rest = rest.subarray(size.whole)
    }
    this.#rest = rest
    return packets
  }
}

/** How long the packet is that starts here, or null when that cannot be told yet. */
function sizeOf(bytes) {
  let body = 0
  for (let n = 1; n <= 4; n += 1) {
    if (n >= bytes.length) return null
    body += (bytes[n] & 0x7f) * 128 ** (n - 1)
    if (bytes[n] < 0x80) return { head: n + 1, whole: n + 1 + body }
  }
  throw new Error('a remaining length of more than four bytes')
}

function parse(first, body) {
  const type = NAMES[first >> 4]
  if (type === undefined) throw new Error(`packet type ${first >> 4} is nothing a broker sends`)
  if (type === 'publish') return parsePublish(first, body)
  if (type === 'connack') return { type, code: body[1] }
  if (type === 'pingresp') return { type }
  return { type, id: (body[0] << 8) | body[1], code: body[2] }
}

function parsePublish(first, body) {
  const qos = (first >> 1) & 3
  const topicEnd = 2 + ((body[0] << 8) | body[1])
  const start = topicEnd + (qos > 0 ? 2 : 0)
  if (start > body.length) throw new Error('a PUBLISH that is shorter than its topic')
  return {
    type: 'publish',
    topic: new TextDecoder().decode(body.subarray(2, topicEnd)),
    id: qos > 0 ? (body[topicEnd] << 8) | body[topicEnd + 1] : 0,
    payload: body.subarray(start),
    qos,
    retain: (first & 1) === 1,
    dup: (first & 8) === 8,
  }
}

function packet(type, flags, ...parts) {
  const body = joined(parts)
  return joined([[(type << 4) | flags], remainingLength(body.length), body])
}

function remainingLength(length) {
  const bytes = []
  do {
    bytes.push((length % 128) + (length >= 128 ? 0x80 : 0))
    length = Math.floor(length / 128)
  } while (length > 0)
  return bytes
}

function string(text) {
  const bytes = utf8.encode(text)
  if (bytes.length > MOST_BYTES_OF_STRING) throw new Error('A name can have 65535 bytes at most.')
  return joined([u16(bytes.length), bytes])
}

function u16(n) {
  return [n >> 8, n & 0xff]
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
