// What the JavaScript suites share: the broker's address, the list of tests, deadlines, the report.
// The counterpart of harness.py, with the same environment and the same lines of JSON.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import mqtt from 'mqtt'

export const env = JSON.parse(process.env.INTEROP)

/** How long one awaited event may take, in milliseconds. */
export const PATIENCE = 10_000
export const MEBIBYTE = Buffer.from(Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 31) % 251))
/** In seconds: longer than any test, so that a session, or a Will, ends otherwise. */
export const LONG = 3600

const SCHEMES = { mqtt: 'mqtt', mqtts: 'mqtts', ws: 'ws', wss: 'wss' }
export const TRANSPORTS = Object.keys(SCHEMES)

const tests = []
let sceneNumber = 0

/** Topics and client ids that no other test uses, and what is to be ended after the test. */
class Scene {
  #prefix = `j${process.pid}n${++sceneNumber}`
  #endings = []

  topic(name = 'topic') {
    return `interop/${this.#prefix}/${name}`
  }

  clientId(name = 'client') {
    return `${name}-${this.#prefix}`
  }

  atEnd(ending) {
    this.#endings.push(ending)
  }

  async close() {
    for (const ending of this.#endings.reverse()) await ending()
  }
}

/** `notMosquitto`: left out when mosquitto is the broker, which is known not to pass it. */
export function test(name, body, { notMosquitto = false } = {}) {
  if (notMosquitto && env.broker === 'mosquitto') return
  assert(!tests.some((t) => t.name === name), `two tests are called '${name}'`)
  tests.push({ name, body })
}

export function url(transport) {
  return `${SCHEMES[transport]}://${env.host}:${env.ports[transport]}`
}

/** What happened and was not asked for yet, in order. */
export class Inbox {
  #waiting = []
  #items = []

  push(item) {
    const waiter = this.#waiting.shift()
    if (waiter) waiter(item)
    else this.#items.push(item)
  }

  next(what) {
    if (this.#items.length > 0) return Promise.resolve(this.#items.shift())
    return within(PATIENCE, `no ${what}`, new Promise((resolve) => this.#waiting.push(resolve)))
  }
}

/** A connected mqtt.js client; what it hears stands in `messages`. */
export class Client {
  messages = new Inbox()

  static async connect(scene, name, { transport = 'mqtt', ...options } = {}) {
    const client = new Client()
    client.mqtt = mqtt.connect(url(transport), {
      clientId: scene.clientId(name),
      ca: readFileSync(env.ca),
      reconnectPeriod: 0,
      connectTimeout: PATIENCE,
      ...options,
    })
    scene.atEnd(() => client.mqtt.endAsync(true))
    client.mqtt.on('message', (topic, payload, { qos, retain, properties }) =>
      client.messages.push({ topic, payload, qos, retain, properties }))
    client.connack = await answerToConnect(client.mqtt)
    return client
  }

  /** Subscribes and returns the granted QoS. */
  async subscribe(topic, qos, options = {}) {
    const done = this.mqtt.subscribeAsync(topic, { qos, ...options })
    const [grant] = await within(PATIENCE, 'no SUBACK', done)
    return grant.qos
  }

  publish(topic, payload, qos, options = {}) {
    const done = this.mqtt.publishAsync(topic, payload, { qos, ...options })
    return within(PATIENCE, `qos ${qos} not acknowledged`, done)
  }

  next() {
    return this.messages.next('message')
  }

  /** The orderly way, by DISCONNECT. */
  leave() {
    return within(PATIENCE, 'no end of the connection', this.mqtt.endAsync())
  }

  /** As a lost line would: the connection ends without DISCONNECT. */
  breakOff() {
    this.mqtt.stream.destroy()
  }
}

function answerToConnect(client) {
  const answer = new Promise((resolve, reject) => {
    client.once('connect', resolve)
    client.once('error', reject)
    client.once('close', () => reject(new Error('closed before CONNACK')))
  })
  return within(PATIENCE, 'no CONNACK', answer)
}

export function within(milliseconds, failure, promise) {
  let timer
  const late = new Promise((_, reject) => {
    const fail = () => reject(new Error(`${failure} within ${milliseconds / 1000} s`))
    timer = setTimeout(fail, milliseconds)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

export async function run() {
  const chosen = tests.filter(({ name }) => isWanted(name))
  report({ plan: chosen.map(({ name }) => name) })
  for (const { name, body } of chosen) {
    const start = performance.now()
    const error = await runOne(body)
    const seconds = (performance.now() - start) / 1000
    report({ test: name, ok: !error, seconds, error: error ? describe(error) : '' })
  }
}

async function runOne(body) {
  const scene = new Scene()
  try {
    await within(env.test_limit * 1000, 'the test did not end', body(scene))
    await within(PATIENCE, 'the clients did not end', scene.close())
    return undefined
  } catch (error) {
    await within(PATIENCE, 'the clients did not end', scene.close()).catch(() => {})
    return error
  }
}

function isWanted(name) {
  return env.patterns.length === 0 || env.patterns.some((p) => globToRegExp(p).test(name))
}

function globToRegExp(glob) {
  const escaped = glob.replace(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${escaped.replace(/\*/g, '.*').replace(/\?/g, '.')}$`)
}

function describe(error) {
  const own = (error.stack ?? '').split('\n').filter((line) => line.includes('/suites/'))
  return [String(error.message ?? error).slice(0, 2000), ...own].join('\n')
}

function report(line) {
  console.log(JSON.stringify(line))
}
