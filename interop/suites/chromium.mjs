// mqtt.js inside a page of headless Chromium: what an application on the web does.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { chromium } from 'playwright-core'
import { Client, MEBIBYTE, PATIENCE, env, run, test, url, within } from './harness.mjs'

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
]
const mqttFolder = new URL('../node_modules/mqtt/dist/', import.meta.url)
const FILES = {
  '/': [new URL('page.html', import.meta.url), 'text/html; charset=utf-8'],
  '/mqtt.min.js': [new URL('mqtt.min.js', mqttFolder), 'text/javascript'],
}

const web = createServer(serve)
await new Promise((resolve) => web.listen(0, '127.0.0.1', resolve))
const browser = await chromium.launch({ executablePath: env.chromium, args: FLAGS })
// The test's own authority is nothing a browser trusts.
const context = await browser.newContext({ ignoreHTTPSErrors: true })

async function serve(request, response) {
  const [file, type] = FILES[request.url] ?? []
  if (!file) return response.writeHead(404).end()
  response.writeHead(200, { 'content-type': type }).end(await readFile(file))
}

/** A tab whose page holds one MQTT client. */
class Tab {
  static async open(scene) {
    const tab = new Tab()
    tab.page = await context.newPage()
    scene.atEnd(() => tab.page.close())
    await tab.page.goto(`http://127.0.0.1:${web.address().port}/`)
    return tab
  }

  static async connected(scene, name, { transport = 'ws', ...options } = {}) {
    const tab = await Tab.open(scene)
    const clientId = scene.clientId(name)
    tab.session = await tab.call('connect', url(transport), { clientId, ...options })
    return tab
  }

  /** Calls a function of page.html. */
  call(name, ...values) {
    const call = this.page.evaluate(([f, v]) => globalThis[f](...v), [name, values])
    return within(PATIENCE, `no end of ${name} in the page`, call)
  }

  async next() {
    const { payload, ...rest } = await this.call('next')
    return { payload: Buffer.from(payload, 'hex').toString(), ...rest }
  }
}

for (const transport of ['ws', 'wss']) {
  test(`${transport}: qos 0, 1 and 2 both ways`, async (scene) => {
    const tab = await Tab.connected(scene, 'tab', { transport })
    for (const granted of [0, 1, 2]) {
      const topic = scene.topic(`at${granted}`)
      assert.equal(await tab.call('subscribe', topic, granted), granted)
      for (const published of [0, 1, 2]) {
        const payload = `${published} to ${granted}`
        await tab.call('publish', topic, payload, published)
        const qos = Math.min(published, granted)
        assert.deepEqual(await tab.next(), { topic, payload, qos, retain: false })
      }
    }
    await tab.page.screenshot({ path: `${env.out}/chromium-${transport}.png` })
  })
}

test('between a page and a device on TCP', async (scene) => {
  const tab = await Tab.connected(scene, 'tab')
  const device = await Client.connect(scene, 'device')
  await tab.call('subscribe', scene.topic('state'), 1)
  await device.subscribe(scene.topic('command'), 2)
  await device.publish(scene.topic('state'), '21.5 °C', 1)
  assert.equal((await tab.next()).payload, '21.5 °C')
  await tab.call('publish', scene.topic('command'), 'off', 2)
  assert.equal((await device.next()).payload.toString(), 'off')
})

test('retained: replayed to a page that comes later, gone when cleared', async (scene) => {
  const topic = scene.topic()
  const publisher = await Tab.connected(scene, 'publisher')
  await publisher.call('publish', topic, 'kept', 1, true)
  const late = await Tab.connected(scene, 'late')
  await late.call('subscribe', topic, 1)
  assert.deepEqual(await late.next(), { topic, payload: 'kept', qos: 1, retain: true })
  await publisher.call('publish', topic, '', 1, true)
  const later = await Tab.connected(scene, 'later')
  await later.call('subscribe', topic, 1)
  await publisher.call('publish', topic, 'live', 1)
  assert.deepEqual(await later.next(), { topic, payload: 'live', qos: 1, retain: false })
})

test('persistent session: a page that comes back gets its offline queue', async (scene) => {
  const first = await Tab.connected(scene, 'tab', { clean: false })
  assert.equal(first.session.sessionPresent, false)
  await first.call('subscribe', scene.topic(), 1)
  await first.call('leave')
  const publisher = await Client.connect(scene, 'publisher')
  const wanted = Array.from({ length: 50 }, (_, n) => `queued ${n}`)
  for (const payload of wanted) await publisher.publish(scene.topic(), payload, 1)
  const back = await Tab.connected(scene, 'tab', { clean: false })
  assert.equal(back.session.sessionPresent, true)
  for (const payload of wanted) assert.equal((await back.next()).payload, payload)
})

test('1 MiB from a page, at qos 0, 1 and 2', async (scene) => {
  const tab = await Tab.connected(scene, 'tab')
  const device = await Client.connect(scene, 'device')
  await device.subscribe(scene.topic(), 2)
  const text = MEBIBYTE.toString('latin1').replace(/[^ -~]/g, '.')
  for (const qos of [0, 1, 2]) {
    await tab.call('publish', scene.topic(), text, qos)
    const { payload } = await device.next()
    assert(payload.equals(Buffer.from(text)), `another payload, ${payload.length} bytes`)
  }
})

test('1 MiB to a page, at qos 0, 1 and 2', async (scene) => {
  const tab = await Tab.connected(scene, 'tab')
  const device = await Client.connect(scene, 'device')
  await tab.call('subscribe', scene.topic(), 2)
  for (const qos of [0, 1, 2]) {
    await device.publish(scene.topic(), MEBIBYTE, qos)
    const { payload } = await tab.call('next')
    assert(payload === MEBIBYTE.toString('hex'), `another payload, ${payload.length / 2} bytes`)
  }
}, { notMosquitto: true }) // 26 s a message, see paho_client.py

const endings = {
  'its tab closes': (tab) => tab.page.close(),
  'its tab goes to another page': (tab) => tab.page.goto('about:blank'),
  'its tab is reloaded': (tab) => tab.page.reload(),
}
for (const [when, end] of Object.entries(endings)) {
  test(`will: published at once when ${when}`, async (scene) => {
    const will = { topic: scene.topic('will'), payload: 'gone', qos: 1, retain: false }
    const watcher = await Client.connect(scene, 'watcher')
    await watcher.subscribe(will.topic, 1)
    // A keep alive of ten minutes: only the end of the connection can bring the will in time.
    const tab = await Tab.connected(scene, 'tab', { will, keepalive: 600 })
    await end(tab)
    assert.equal((await watcher.next()).payload.toString(), 'gone')
  })
}

test('will: not published when the page disconnects in the orderly way', async (scene) => {
  const will = { topic: scene.topic('will'), payload: 'gone', qos: 1, retain: false }
  const watcher = await Client.connect(scene, 'watcher')
  await watcher.subscribe(will.topic, 1)
  const tab = await Tab.connected(scene, 'tab', { will })
  await tab.call('leave')
  const again = await Client.connect(scene, 'again')
  await again.publish(will.topic, 'later', 1)
  assert.equal((await watcher.next()).payload.toString(), 'later')
})

const ACCEPTED = [0x20, 2, 0, 0]

test('a Close frame is answered by a Close frame, and the will follows', async (scene) => {
  const watcher = await Client.connect(scene, 'watcher')
  await watcher.subscribe(scene.topic('will'), 0)
  const tab = await Tab.open(scene)
  const bytes = connectWithWill(scene.clientId('raw'), scene.topic('will'), 'gone')
  const end = await tab.call('talk', url('ws'), ['mqtt'], [[...bytes]])
  assert.deepEqual(end, { answer: ACCEPTED, code: 1000, wasClean: true, protocol: 'mqtt' })
  assert.equal((await watcher.next()).payload.toString(), 'gone')
})

/** CONNECT of MQTT 3.1.1: clean session, a will at qos 0, keep alive of ten minutes. */
function connectWithWill(...strings) {
  const head = Buffer.from([0, 4, ...Buffer.from('MQTT'), 4, 0b0000_0110, 600 >> 8, 600 & 255])
  const fields = strings.map((s) => Buffer.concat([Buffer.from([0, s.length]), Buffer.from(s)]))
  const rest = Buffer.concat([head, ...fields])
  assert(rest.length < 128, 'one byte of length')
  return Buffer.concat([Buffer.from([0x10, rest.length]), rest])
}

test('a packet may span frames of one byte', async (scene) => {
  const tab = await Tab.open(scene)
  const bytes = connectWithWill(scene.clientId('raw'), scene.topic('will'), 'gone')
  const end = await tab.call('talk', url('ws'), ['mqtt'], [...bytes].map((byte) => [byte]))
  assert.deepEqual(end.answer, ACCEPTED)
})

const offers = [[['mqttv3.1'], 'mqttv3.1'], [['x', 'mqttv3.1', 'mqtt'], 'mqttv3.1'], [[], '']]
for (const [offered, chosen] of offers) {
  test(`of the subprotocols [${offered}] the broker takes '${chosen}'`, async (scene) => {
    const tab = await Tab.open(scene)
    const bytes = connectWithWill(scene.clientId('raw'), scene.topic('will'), 'gone')
    const end = await tab.call('talk', url('ws'), offered, [[...bytes]])
    assert.deepEqual([end.answer, end.protocol], [ACCEPTED, chosen])
  }, { notMosquitto: offered.length === 0 }) // it insists on one
}

test('a text frame is refused with code 1003', async (scene) => {
  const tab = await Tab.open(scene)
  assert.equal(await tab.call('sendText', url('ws')), 1003)
}, { notMosquitto: true }) // it takes the text for a packet

try {
  await run()
} finally {
  await browser.close()
  web.close()
}
