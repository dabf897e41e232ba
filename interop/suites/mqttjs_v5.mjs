// mqtt.js in MQTT 5.0 mode, on Node. It resolves Topic Aliases, and uses them by itself when asked.
// It knows no Receive Maximum of a broker: whoever publishes much at once has to wait for it. Nor
// can it show its own at work: it takes up no message before it has acknowledged the one before.

import assert from 'node:assert/strict'
import { Client, Inbox, LONG, MEBIBYTE, TRANSPORTS, env, run, test } from './harness.mjs'

const ALL_OF_A_MESSAGE = {
  payloadFormatIndicator: true,
  messageExpiryInterval: 600,
  contentType: 'text/plain; charset=utf-8',
  responseTopic: 'interop/answers/here',
  correlationData: Buffer.from([0x00, 0xff, 0xc3]),
  // What comes several times is a list. The names are in the order in which each came first.
  userProperties: Object.assign(Object.create(null), { b: ['1', '3', '2'], a: '2', naïve: '' }),
}

function connect(scene, name, { properties = {}, ...options } = {}) {
  return Client.connect(scene, name, { protocolVersion: 5, properties, ...options })
}

/** A client whose session outlives its connection, for `seconds`. */
function resume(scene, name, seconds, options = {}) {
  const properties = { sessionExpiryInterval: seconds }
  return connect(scene, name, { clean: false, properties, ...options })
}

/** What the broker sends to the client from now on, packets of this kind. */
function packets(client, kind) {
  const inbox = new Inbox()
  client.mqtt.on('packetreceive', (packet) => packet.cmd === kind && inbox.push(packet))
  return inbox
}

/** They are ALL_OF_A_MESSAGE and nothing else, but for the time that has passed. */
function assertAllOfAMessage(properties) {
  const { messageExpiryInterval } = properties
  assert(messageExpiryInterval > 0 && messageExpiryInterval <= 600, `${messageExpiryInterval}`)
  assert.deepEqual({ ...properties }, { ...ALL_OF_A_MESSAGE, messageExpiryInterval })
  assert.deepEqual(Object.keys(properties.userProperties), ['b', 'a', 'naïve'])
}

/** Asserts at its call that at least so many seconds have passed since; machines may stall. */
function stopwatch() {
  const start = performance.now()
  return (seconds) => {
    const passed = (performance.now() - start) / 1000
    // The broker's clock may be another, and coarser.
    assert(passed >= seconds - 0.1, `after ${passed} s already, not ${seconds} s`)
  }
}

for (const transport of TRANSPORTS) {
  test(`${transport}: properties arrive as they were sent, at every qos`, async (scene) => {
    const client = await connect(scene, 'client', { transport })
    await client.subscribe(scene.topic(), 2)
    for (const qos of [0, 1, 2]) {
      await client.publish(scene.topic(), 'für alle', qos, { properties: ALL_OF_A_MESSAGE })
      const message = await client.next()
      assert.deepEqual([message.payload.toString(), message.qos], ['für alle', qos])
      assertAllOfAMessage(message.properties)
    }
  })
}

test('request and response, on a topic made of the Response Information', async (scene) => {
  const properties = { requestResponseInformation: true }
  const requester = await connect(scene, 'requester', { properties })
  const answers = requester.connack.properties.responseInformation
  assert.equal(answers, env.response_information + scene.clientId('requester'))
  const responder = await connect(scene, 'responder')
  await requester.subscribe(answers, 1)
  await responder.subscribe(scene.topic(), 1)
  const correlationData = Buffer.from([0x00, 0xff, 0xc3])
  const question = { properties: { responseTopic: answers, correlationData } }
  await requester.publish(scene.topic(), 'question', 1, question)
  const asked = (await responder.next()).properties
  const answer = { properties: { correlationData: asked.correlationData } }
  await responder.publish(asked.responseTopic, 'answer', 1, answer)
  const answered = await requester.next()
  assert.equal(answered.payload.toString(), 'answer')
  assert.deepEqual(answered.properties.correlationData, correlationData)
  // Mosquitto gives no Response Information.
}, { notMosquitto: true })

test('$share: each message goes to one of the group, each member gets some', async (scene) => {
  const messages = new Inbox()
  for (const name of ['first', 'second']) {
    const member = await connect(scene, name)
    member.mqtt.on('message', (_, payload) => messages.push([name, payload.toString()]))
    await member.subscribe(`$share/group/${scene.topic()}`, 1)
  }
  const publisher = await connect(scene, 'publisher')
  const wanted = Array.from({ length: 30 }, (_, n) => `job ${n}`)
  for (const payload of wanted) await publisher.publish(scene.topic(), payload, 1)
  const got = []
  while (got.length < wanted.length) got.push(await messages.next('message of the group'))
  assert.deepEqual(got.map(([, payload]) => payload).sort(), [...wanted].sort())
  assert.equal(new Set(got.map(([name]) => name)).size, 2, 'one member got everything')
})

test('will delay: published behind it, but not if the client is back in time', async (scene) => {
  const watcher = await connect(scene, 'watcher')
  await watcher.subscribe(scene.topic('will'), 1)
  const client = (name) => {
    const delayed = { properties: { willDelayInterval: 2 }, qos: 1, retain: false }
    const will = { topic: scene.topic('will'), payload: Buffer.from(name), ...delayed }
    return resume(scene, name, LONG, { will })
  }
  const gone = await client('comes back')
  gone.breakOff()
  assert.equal((await client('comes back')).connack.sessionPresent, true)
  const staysAway = await client('stays away')
  const assertPassed = stopwatch()
  staysAway.breakOff()
  assert.equal((await watcher.next()).payload.toString(), 'stays away')
  assertPassed(2)
})

test('session expiry: present within, gone behind, a will at its end', async (scene) => {
  const watcher = await connect(scene, 'watcher')
  await watcher.subscribe(scene.topic('will'), 1)
  const first = await resume(scene, 'client', LONG)
  assert.equal(first.connack.sessionPresent, false)
  await first.leave()
  const delayed = { properties: { willDelayInterval: LONG }, qos: 1, retain: false }
  const will = { topic: scene.topic('will'), payload: Buffer.from('session ended'), ...delayed }
  const second = await resume(scene, 'client', 1, { will })
  assert.equal(second.connack.sessionPresent, true)
  const assertPassed = stopwatch()
  second.breakOff()
  assert.equal((await watcher.next()).payload.toString(), 'session ended')
  assertPassed(1)
  assert.equal((await resume(scene, 'client', 1)).connack.sessionPresent, false)
})

test("topic alias: the client's stand for their topics", async (scene) => {
  const client = await connect(scene, 'client', { autoAssignTopicAlias: true })
  const named = []
  client.mqtt.on('packetsend', (packet) => packet.cmd === 'publish' && named.push(packet.topic))
  await client.subscribe(scene.topic('+'), 1)
  const topics = ['one', 'two', 'one', 'two', 'one'].map((name) => scene.topic(name))
  for (const topic of topics) {
    await client.publish(topic, 'hello', 1)
    assert.equal((await client.next()).topic, topic)
  }
  assert.deepEqual(named, [scene.topic('one'), scene.topic('two'), '', '', ''])
})

test("topic alias: the broker's stand for their topics", async (scene) => {
  const client = await connect(scene, 'client', { properties: { topicAliasMaximum: 2 } })
  await client.subscribe(scene.topic('+'), 1)
  const received = packets(client, 'publish')
  const topics = ['one', 'two', 'one', 'two', 'three', 'one'].map((name) => scene.topic(name))
  for (const topic of topics) await client.publish(topic, 'hello', 1)
  for (const topic of topics) assert.equal((await client.next()).topic, topic)
  const named = []
  for (const _ of topics) named.push((await received.next('PUBLISH')).topic)
  assert.deepEqual(named.slice(0, 4), [scene.topic('one'), scene.topic('two'), '', ''])
  // Mosquitto 2.0.11 has no aliases of its own.
}, { notMosquitto: true })

test('CONNACK: Assigned Client Identifier, and the limits', async (scene) => {
  const client = await connect(scene, 'client', { clientId: '' })
  const { properties } = client.connack
  assert(properties.assignedClientIdentifier.length > 0)
  assert(properties.receiveMaximum >= 1)
  assert(properties.topicAliasMaximum >= 1)
})

test('reason codes: SUBACK 0x8F for a filter that is none', async (scene) => {
  const client = await connect(scene, 'client')
  const refused = await client.subscribe('$share//t', 1).catch((error) => error)
  assert.deepEqual(refused.packet?.granted, [0x8f], String(refused))
  // Mosquitto 2.0.11 takes an empty share name.
}, { notMosquitto: true })

test('reason codes: UNSUBACK 0x11 where no subscription was', async (scene) => {
  const client = await connect(scene, 'client')
  const unsubacks = packets(client, 'unsuback')
  await client.mqtt.unsubscribeAsync(scene.topic())
  assert.deepEqual((await unsubacks.next('UNSUBACK')).granted, [0x11])
})

test('reason codes: PUBACK 0x10 where nobody subscribes, and PUBREC 0x00', async (scene) => {
  const client = await connect(scene, 'client')
  for (const [qos, kind, code] of [[1, 'puback', 0x10], [2, 'pubrec', 0x00]]) {
    const answers = packets(client, kind)
    await client.publish(scene.topic(), 'for nobody', qos)
    assert.equal((await answers.next(kind)).reasonCode ?? 0x00, code)
  }
})

test('reason codes: DISCONNECT 0x8E on a take-over', async (scene) => {
  const first = await connect(scene, 'client')
  const goodbyes = packets(first, 'disconnect')
  await connect(scene, 'client')
  assert.equal((await goodbyes.next('DISCONNECT')).reasonCode, 0x8e)
  // Mosquitto 2.0.11 closes without a word.
}, { notMosquitto: true })

test('Maximum Packet Size of a client: what is larger does not arrive', async (scene) => {
  const client = await connect(scene, 'client', { properties: { maximumPacketSize: 200 } })
  await client.subscribe(scene.topic(), 1)
  const publisher = await connect(scene, 'publisher')
  for (const payload of ['small', MEBIBYTE.subarray(0, 300), MEBIBYTE, 'small again']) {
    await publisher.publish(scene.topic(), payload, 1)
  }
  assert.equal((await client.next()).payload.toString(), 'small')
  assert.equal((await client.next()).payload.toString(), 'small again')
})

test('No Local, Retain As Published, Retain Handling, Subscription Identifiers', async (scene) => {
  const client = await connect(scene, 'client')
  const other = await connect(scene, 'other')
  await other.publish(scene.topic(), 'kept', 1, { retain: true })
  const properties = { subscriptionIdentifier: 42 }
  await client.subscribe(scene.topic(), 1, { nl: true, rap: true, rh: 2, properties })
  await client.publish(scene.topic(), 'from itself', 1, { retain: true })
  await other.publish(scene.topic(), 'from another', 1, { retain: true })
  const message = await client.next()
  assert.deepEqual([message.payload.toString(), message.retain], ['from another', true])
  assert.equal(message.properties.subscriptionIdentifier, 42)
})

await run()
