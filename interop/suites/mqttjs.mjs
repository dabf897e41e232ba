// mqtt.js on Node, over TCP, TLS, WebSocket and WebSocket over TLS.

import assert from 'node:assert/strict'
import { Client, MEBIBYTE, TRANSPORTS, run, test } from './harness.mjs'

/** Payloads are compared apart: a difference in 1 MiB is no readable message. */
function assertMessage(message, { topic, payload, qos, retain = false }) {
  const { payload: got, ...rest } = message
  assert.deepEqual(rest, { topic, qos, retain, properties: undefined })
  assert(Buffer.from(payload).equals(got), `another payload, ${got.length} bytes`)
}

for (const transport of TRANSPORTS) transportTests(transport)

function transportTests(transport) {
  test(`${transport}: qos 0, 1 and 2 both ways`, async (scene) => {
    const client = await Client.connect(scene, 'client', { transport })
    for (const granted of [0, 1, 2]) {
      const topic = scene.topic(`at${granted}`)
      assert.equal(await client.subscribe(topic, granted), granted)
      for (const published of [0, 1, 2]) {
        const payload = `${published} to ${granted}`
        await client.publish(topic, payload, published)
        assertMessage(await client.next(), { topic, payload, qos: Math.min(published, granted) })
      }
    }
  })

  test(`${transport}: retained is set, replayed to a later subscriber, cleared`, async (scene) => {
    const topic = scene.topic()
    const publisher = await Client.connect(scene, 'publisher', { transport })
    await publisher.publish(topic, 'kept', 1, { retain: true })
    const late = await Client.connect(scene, 'late', { transport })
    await late.subscribe(scene.topic('#'), 1)
    assertMessage(await late.next(), { topic, payload: 'kept', qos: 1, retain: true })
    await publisher.publish(topic, '', 1, { retain: true })
    const later = await Client.connect(scene, 'later', { transport })
    await later.subscribe(scene.topic('#'), 1)
    await publisher.publish(topic, 'live', 1)
    assertMessage(await later.next(), { topic, payload: 'live', qos: 1 })
  })

  test(`${transport}: a will when the connection breaks off`, async (scene) => {
    const will = { topic: scene.topic('will'), payload: 'gone', qos: 2, retain: false }
    const watcher = await Client.connect(scene, 'watcher')
    await watcher.subscribe(will.topic, 2)
    const victim = await Client.connect(scene, 'victim', { transport, will })
    victim.breakOff()
    assertMessage(await watcher.next(), will)
  })

  test(`${transport}: no will behind an orderly end`, async (scene) => {
    const will = { topic: scene.topic('will'), payload: 'gone', qos: 1, retain: false }
    const watcher = await Client.connect(scene, 'watcher')
    await watcher.subscribe(will.topic, 1)
    const client = await Client.connect(scene, 'client', { transport, will })
    // It waits for the broker's end of the connection as well.
    await client.leave()
    const again = await Client.connect(scene, 'again', { transport })
    await again.publish(will.topic, 'later', 1)
    assertMessage(await watcher.next(), { ...will, payload: 'later' })
  })

  for (const qos of [1, 2]) {
    test(`${transport}: a persistent session's offline queue at qos ${qos}`, async (scene) => {
      const session = { transport, clean: false }
      const topic = scene.topic()
      const first = await Client.connect(scene, 'client', session)
      assert.equal(first.connack.sessionPresent, false)
      await first.subscribe(topic, qos)
      await first.leave()
      const wanted = Array.from({ length: 100 }, (_, n) => `queued ${n}`)
      const publisher = await Client.connect(scene, 'publisher', { transport })
      for (const payload of wanted) await publisher.publish(topic, payload, qos)
      const back = await Client.connect(scene, 'client', session)
      assert.equal(back.connack.sessionPresent, true)
      for (const payload of wanted) assertMessage(await back.next(), { topic, payload, qos })
    })
  }

  for (const qos of [0, 1, 2]) {
    // 26 s a message, see paho_client.py
    const options = { notMosquitto: transport.startsWith('ws') }
    test(`${transport}: 1 MiB at qos ${qos}`, async (scene) => {
      const client = await Client.connect(scene, 'client', { transport })
      await client.subscribe(scene.topic(), qos)
      await client.publish(scene.topic(), MEBIBYTE, qos)
      assertMessage(await client.next(), { topic: scene.topic(), payload: MEBIBYTE, qos })
    }, options)
  }

  test(`${transport}: 200 publishes at once arrive once each and in order`, async (scene) => {
    const client = await Client.connect(scene, 'client', { transport })
    await client.subscribe(scene.topic(), 1)
    const wanted = Array.from({ length: 200 }, (_, n) => `message ${n}`)
    const publishes = wanted.map((payload) => client.publish(scene.topic(), payload, 1))
    for (const payload of wanted) assert.equal((await client.next()).payload.toString(), payload)
    await Promise.all(publishes)
  })
}

for (const transport of ['ws', 'wss']) {
  test(`${transport}: MQTT 3.1`, async (scene) => {
    const old = { transport, protocolId: 'MQIsdp', protocolVersion: 3 }
    const client = await Client.connect(scene, 'client', old)
    await client.subscribe(scene.topic(), 2)
    await client.publish(scene.topic(), 'hello', 2)
    assertMessage(await client.next(), { topic: scene.topic(), payload: 'hello', qos: 2 })
  })
}

test('a message goes from every transport to every other', async (scene) => {
  const clients = []
  for (const transport of TRANSPORTS) {
    clients.push(await Client.connect(scene, transport, { transport }))
    await clients.at(-1).subscribe(scene.topic(), 2)
  }
  for (const sender of clients) {
    const payload = `from ${sender.mqtt.options.clientId}`
    await sender.publish(scene.topic(), payload, 2)
    for (const receiver of clients) {
      assertMessage(await receiver.next(), { topic: scene.topic(), payload, qos: 2 })
    }
  }
})

await run()
