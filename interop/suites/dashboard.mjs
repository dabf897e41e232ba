// The dashboard in headless Chromium, as an operator uses it, on a large and on a small screen.

import assert from 'node:assert/strict'
import { chromium } from 'playwright-core'
import { Client, PATIENCE, env, run, test, url, within } from './harness.mjs'

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
]
const HOME = `http://${env.host}:${env.rest.port}/`
const SCREENS = { desktop: { width: 1280, height: 800 }, phone: { width: 375, height: 812 } }
const SECTIONS = [
  'Overview', 'Clients', 'Sessions', 'Subscriptions', 'Topics', 'Retained', 'Drops', 'Publish',
  'Broker',
]
const MARKUP = '<script>alert(1)</script><img src=x onerror=alert(2)>'
const onSurewire = { notMosquitto: true } // it has no dashboard

const browser = await chromium.launch({ executablePath: env.chromium, args: FLAGS })

/** A signed-in browser window. What a page must never do is collected, and fails the test. */
class Operator {
  #troubles = []

  static async open(scene, screen, { path = '', colorScheme = 'light' } = {}) {
    const operator = new Operator()
    operator.screen = screen
    operator.context = await browser.newContext({
      viewport: SCREENS[screen],
      colorScheme,
      httpCredentials: { username: env.rest.user, password: env.rest.password },
    })
    scene.atEnd(() => operator.#leave())
    operator.context.setDefaultTimeout(PATIENCE)
    operator.page = await operator.context.newPage()
    await operator.#watch()
    await operator.page.goto(HOME + path)
    return operator
  }

  async #watch() {
    const note = (what) => this.#troubles.push(what)
    this.page.on('console', (message) => {
      if (message.type() !== 'error' || this.#isOfNobody(message)) return
      note(`console: ${message.text()} at ${message.location().url}`)
    })
    this.page.on('pageerror', (error) => note(`exception: ${error.stack}`))
    this.page.on('dialog', (dialog) => note(`a script ran: ${dialog.message()}`))
    this.page.on('request', (request) => {
      if (!/^(data|about):/.test(request.url()) && !request.url().startsWith(HOME)) {
        note(`request to ${request.url()}`)
      }
    })
    this.page.on('websocket', (socket) => {
      if (socket.url() !== `${url('ws')}/`) note(`WebSocket to ${socket.url()}`)
    })
    await this.context.exposeFunction('violated', (what) => note(`policy violated: ${what}`))
    await this.context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) =>
        globalThis.violated(`${event.violatedDirective} by ${event.blockedURI}`))
    })
  }

  /** Chromium logs every 404; of a session that has ended it is the answer that is wanted. */
  #isOfNobody(message) {
    return this.gone !== undefined && message.text().includes('404')
      && message.location().url === `${HOME}api/v1/sessions/${this.gone}`
  }

  async #leave() {
    await this.context.close()
    assert.deepEqual(this.#troubles, [])
  }

  async goTo(section) {
    const sections = this.page.getByRole('navigation')
    await sections.getByRole('link', { name: section, exact: true }).click()
  }

  /** Searches for a client among the sessions and opens its page. */
  async openClient(clientId) {
    await this.goTo('Sessions')
    await this.page.getByRole('searchbox', { name: /^Search/ }).fill(clientId)
    await this.page.getByRole('link', { name: clientId, exact: true }).click()
    await this.page.getByRole('heading', { level: 1, name: clientId }).waitFor()
  }

  /** A row of a table, or the card that it is on a small screen. */
  row(...texts) {
    return texts.reduce((rows, text) => rows.filter({ hasText: text }), this.page.getByRole('row'))
  }

  panel(title) {
    const heading = this.page.getByRole('heading', { name: title })
    return this.page.locator('section').filter({ has: heading })
  }

  picture(name) {
    return this.page.screenshot({ path: `${env.out}/dashboard-${name}-${this.screen}.png` })
  }

  async assertFits() {
    const width = await this.page.evaluate(() => document.documentElement.scrollWidth)
    assert(width <= SCREENS[this.screen].width, `${this.screen}: the page is ${width} pixels wide`)
  }
}

const authorization = (password) =>
  `Basic ${Buffer.from(`${env.rest.user}:${password}`).toString('base64')}`

test('nobody gets in without the password', async () => {
  for (const path of ['', 'assets/main.js', 'api/v1/status', 'api/v1/live', 'api/v1/docs']) {
    for (const headers of [{}, { authorization: authorization('wrong') }]) {
      const answer = await fetch(HOME + path, { headers })
      assert.equal(answer.status, 401, path)
      assert.match(answer.headers.get('www-authenticate'), /^Basic /)
      assert.doesNotMatch(await answer.text(), /<script/)
    }
  }
}, onSurewire)

test('the policy allows its own files and the WebSocket listeners', async () => {
  const headers = { authorization: authorization(env.rest.password) }
  const answer = await fetch(HOME, { headers })
  assert.equal(answer.status, 200)
  const policy = answer.headers.get('content-security-policy')
  assert.match(policy, /default-src 'none'/)
  assert.doesNotMatch(policy, /unsafe|\*/)
  for (const transport of ['ws', 'wss']) assert(policy.includes(url(transport)), policy)
}, onSurewire)

for (const screen of Object.keys(SCREENS)) {
  test(`${screen}: every section opens and fits, in light and dark`, async (scene) => {
    await Client.connect(scene, 'device')
    for (const colorScheme of ['light', 'dark']) {
      const operator = await Operator.open(scene, screen, { colorScheme })
      for (const section of SECTIONS) {
        await operator.goTo(section)
        await operator.page.locator('main h1').waitFor()
        await operator.page.getByText('Live', { exact: true }).waitFor()
        await operator.assertFits()
        await operator.picture(`${section.toLowerCase()}-${colorScheme}`)
      }
    }
  }, onSurewire)

  test(`${screen}: the numbers are live`, async (scene) => {
    const operator = await Operator.open(scene, screen)
    const before = await connections(operator, -1)
    await Client.connect(scene, 'device')
    await connections(operator, before)
  }, onSurewire)

  test(`${screen}: a client is found, and why its messages were dropped`, async (scene) => {
    const clientId = scene.clientId('sleeper')
    const topic = scene.topic()
    await overflow(scene, topic)
    const operator = await Operator.open(scene, screen)
    await operator.openClient(clientId)
    await operator.page.getByText('offline', { exact: true }).waitFor()
    await operator.panel('Queue').getByText('1,000 of 1,000').waitFor()
    await assertDropIsTold(operator.row('dropped', topic).first())
    await assertIsExplained(operator, topic)
    await operator.picture('client')
    await operator.goTo('Drops')
    await assertDropIsTold(operator.row('dropped', clientId, topic).first())
    await operator.assertFits()
  }, onSurewire)

  test(`${screen}: publishes and subscribes over WebSocket`, async (scene) => {
    const device = await Client.connect(scene, 'device')
    await device.subscribe(scene.topic('to-device'), 1)
    const operator = await Operator.open(scene, screen, { path: '#/publish' })
    await connectWorkbench(operator)
    await operator.panel(/^Subscribe$/).getByLabel('Filter').fill(scene.topic('#'))
    await operator.page.getByRole('button', { name: 'Subscribe', exact: true }).click()
    await operator.page.getByRole('button', { name: /^Unsubscribe/ }).waitFor()
    await publish(operator, scene.topic('to-device'), `from the page ${MARKUP}`)
    const { payload, qos } = await device.next()
    assert.deepEqual([payload.toString(), qos], [`from the page ${MARKUP}`, 1])
    await operator.row(scene.topic('to-device'), `from the page ${MARKUP}`).waitFor()
    await device.publish(scene.topic('to-page'), '{"degrees":21.5}', 1)
    await operator.page.getByRole('button', { name: '{"degrees":21.5}' }).click()
    await operator.page.getByText('"degrees": 21.5').waitFor()
    await operator.picture('publish')
    await operator.assertFits()
  }, onSurewire)

  test(`${screen}: a retained message is shown, and cleared when agreed`, async (scene) => {
    const topic = scene.topic()
    const device = await Client.connect(scene, 'device')
    await device.publish(topic, '{"kept":true}', 1, { retain: true })
    const operator = await Operator.open(scene, screen, { path: '#/retained' })
    await operator.page.getByRole('searchbox', { name: /^Filter/ }).fill(scene.topic('#'))
    await operator.page.getByRole('button', { name: 'Find' }).click()
    await operator.page.getByRole('link', { name: topic, exact: true }).click()
    await operator.page.getByText('"kept": true').waitFor()
    await operator.picture('retained')
    await clearAll(operator, 'Cancel')
    await clearAll(operator, 'Clear')
    await operator.page.getByText('1 retained message cleared.').waitFor()
    await operator.page.getByText(/^No retained message matches/).waitFor()
    const later = await Client.connect(scene, 'later')
    await later.subscribe(topic, 1)
    await device.publish(topic, 'live', 1)
    assert.equal((await later.next()).payload.toString(), 'live')
  }, onSurewire)

  test(`${screen}: markup in a client id is text`, async (scene) => {
    const clientId = `${MARKUP}${scene.clientId('x')}`
    const client = await Client.connect(scene, 'x', { clientId })
    await client.subscribe(`${MARKUP}/${scene.topic()}`, 0)
    const operator = await Operator.open(scene, screen)
    await operator.openClient(clientId)
    await operator.page.getByRole('link', { name: `${MARKUP}/${scene.topic()}` }).waitFor()
    assert.equal(await operator.page.locator('main img, main script').count(), 0)
    await operator.assertFits()
  }, onSurewire)

  test(`${screen}: by keyboard alone, to a client and its end`, async (scene) => {
    const client = await Client.connect(scene, 'victim')
    const ended = new Promise((resolve) => client.mqtt.once('close', resolve))
    const operator = await Operator.open(scene, screen)
    await operator.page.locator('main h1').waitFor()
    await tabTo(operator.page, 'Clients')
    await operator.page.keyboard.press('Enter')
    await operator.page.getByRole('heading', { level: 1, name: 'Clients' }).waitFor()
    await tabTo(operator.page, '', 'input')
    await operator.page.keyboard.type(scene.clientId('victim'))
    await operator.page.getByText('1 client', { exact: true }).waitFor()
    await tabTo(operator.page, scene.clientId('victim'))
    await operator.page.keyboard.press('Enter')
    await operator.page.getByRole('button', { name: 'Disconnect…' }).waitFor()
    await tabTo(operator.page, 'Disconnect…')
    await operator.page.keyboard.press('Enter')
    await tabTo(operator.page, 'Disconnect')
    operator.gone = scene.clientId('victim')
    await operator.page.keyboard.press('Enter')
    await within(PATIENCE, 'the client is not disconnected', ended)
    await operator.page.getByText('The client was disconnected.').waitFor()
    await operator.page.getByText('There is no client and no session of this name.').waitFor()
  }, onSurewire)
}

test('the theme is remembered', async (scene) => {
  const operator = await Operator.open(scene, 'desktop')
  const theme = () => operator.page.evaluate(() => document.documentElement.dataset.theme)
  await operator.page.getByRole('button', { name: 'Theme: system' }).click()
  await operator.page.getByRole('button', { name: 'Theme: light' }).click()
  await operator.page.reload()
  await operator.page.getByRole('button', { name: 'Theme: dark' }).waitFor()
  assert.equal(await theme(), 'dark')
}, onSurewire)

/** The number of connections in the overview, as soon as it is greater than `least`. */
async function connections({ page }, least) {
  const number = await page.waitForFunction((n) => {
    const text = document.querySelector('a.tally strong')?.textContent
    const value = text ? Number(text.replaceAll(',', '')) : NaN
    return value > n ? { value } : false
  }, least)
  return (await number.jsonValue()).value
}

/** A client whose session takes 1,000 messages while it is away gets five more. */
async function overflow(scene, topic) {
  const sleeper = await Client.connect(scene, 'sleeper', { clean: false })
  await sleeper.subscribe(topic, 1)
  await sleeper.leave()
  const publisher = await Client.connect(scene, 'publisher')
  const numbers = Array.from({ length: env.backlog + 5 }, (_, n) => n)
  await Promise.all(numbers.map((n) => publisher.publish(topic, `${n}`, 1)))
  // So that no backlog is left behind for those who come after.
  scene.atEnd(async () => (await Client.connect(scene, 'sleeper', { clean: true })).leave())
}

async function assertDropIsTold(row) {
  await row.waitFor()
  const why = await row.locator('td.why').textContent()
  assert(why.split(' ').length > 3, `these are no words: ${why}`)
}

async function assertIsExplained(operator, topic) {
  const panel = operator.panel('Would a message reach it?')
  await panel.getByLabel(/^Topic/).fill(topic)
  await panel.getByRole('button', { name: 'Explain' }).click()
  const verdict = panel.locator('.verdict')
  await verdict.waitFor()
  assert((await verdict.textContent()).split(' ').length > 3)
  await panel.getByRole('listitem').first().waitFor()
  await panel.getByRole('row').filter({ hasText: topic }).waitFor()
}

async function connectWorkbench({ page }) {
  await page.getByLabel('Listener').selectOption(`${url('ws')}/`)
  await page.getByRole('button', { name: 'Connect', exact: true }).click()
  await page.getByText('connected', { exact: true }).waitFor()
}

async function publish({ page }, topic, payload) {
  await page.getByLabel('Topic', { exact: true }).fill(topic)
  await page.getByLabel('Payload', { exact: true }).fill(payload)
  await page.getByLabel('Quality').selectOption('1')
  await page.getByRole('button', { name: 'Publish', exact: true }).click()
  await page.getByText(/^Acknowledged at /).waitFor()
}

async function clearAll({ page }, answer) {
  await page.getByRole('button', { name: 'Clear all that match…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: answer, exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
}

/** Tabs until an element with this text, or of this kind, has the focus, and shows that it has. */
async function tabTo(page, text, kind = '') {
  for (let n = 0; n < 60; n += 1) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => {
      const { textContent, localName } = document.activeElement
      const { outlineStyle } = getComputedStyle(document.activeElement)
      return { text: textContent.trim(), kind: localName, outline: outlineStyle }
    })
    if (focused.text !== text || (kind && focused.kind !== kind)) continue
    assert.notEqual(focused.outline, 'none', `nobody sees that ${text || kind} has the focus`)
    return
  }
  assert.fail(`60 times Tab, and never at ${text || kind}`)
}

try {
  await run()
} finally {
  await browser.close()
}
