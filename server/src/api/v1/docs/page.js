// Shows the OpenAPI description, and sends requests to try it. No library, nothing from outside.

const METHODS = ['get', 'post', 'put', 'delete']

start().catch((error) => {
  document.getElementById('about').textContent = `The description could not be read: ${error.message}`
})

async function start() {
  const response = await fetch(here('openapi.json'))
  if (!response.ok) throw new Error(`the broker answered with status ${response.status}`)
  show(await response.json())
}

function show(api) {
  document.getElementById('about').replaceChildren(inline(api.info.description), ` Version ${api.info.version}.`)
  const operations = Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ path, method, ...item[method] })))
  const groups = api.tags.map((tag) => group(tag, operations.filter((one) => one.tags.includes(tag.name))))
  document.getElementById('operations').replaceChildren(...groups)
  const schemas = Object.entries(api.components.schemas).sort(([a], [b]) => a.localeCompare(b))
  document.getElementById('schemas').replaceChildren(...schemas.map(schema))
  document.getElementById('wanted').addEventListener('input', ({ target }) => only(target.value))
  openNamed()
  window.addEventListener('hashchange', openNamed)
}

function openNamed() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (named instanceof HTMLDetailsElement) named.open = true
}

function only(text) {
  const wanted = text.trim().toLowerCase()
  for (const one of document.querySelectorAll('details')) {
    one.hidden = !one.textContent.toLowerCase().includes(wanted)
  }
}

function group({ name, description }, operations) {
  return h('section', {}, h('h2', {}, description ?? name), ...operations.map(operation))
}

function operation(one) {
  const { path, method, summary, description, operationId, parameters = [], responses } = one
  return h('details', { id: operationId },
    h('summary', {}, h('span', { className: `method ${method.toUpperCase()}` }, method.toUpperCase()),
      h('code', {}, path), h('span', { className: 'name' }, summary)),
    description && h('p', {}, inline(description)),
    trial(one),
    parameters.length > 0 && table(['Parameter', 'What', 'Values'], parameters.map(parameter)),
    one.requestBody && h('p', {}, 'Body: ', kind(body(one.requestBody).schema)),
    table(['Status', 'When', 'Answer'], Object.entries(responses).map(answer)))
}

function parameter({ name, required, description, schema }) {
  return [h('code', { className: required ? 'needed' : '' }, name), inline(description ?? ''), kind(schema)]
}

function answer([status, { description, content = {} }]) {
  const [[type, { schema } = {}] = []] = Object.entries(content)
  return [status, inline(description), type ? h('span', {}, `${type}: `, schema ? kind(schema) : 'anything') : 'nothing']
}

function body({ content }) {
  return Object.values(content)[0]
}

// A form that sends the request. What it changes is changed for real, so it asks first.
function trial({ path, method, parameters = [], requestBody }) {
  const fields = parameters.map((one) => ({ ...one, input: h('input', { placeholder: example(one) }) }))
  const text = requestBody && h('textarea', { rows: 6, value: JSON.stringify(sample(requestBody), null, 2) })
  const output = h('pre', { hidden: true })
  const send = h('button', { type: 'submit' }, 'Send')
  const form = h('form', {}, ...fields.map(({ name, input }) => h('label', {}, h('code', {}, name), input)), text, send, output)
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    if (method !== 'get' && !confirm(`Really send ${method.toUpperCase()} ${path}?`)) return
    output.hidden = false
    output.textContent = '…'
    output.textContent = await sent(url(path, fields), method, text?.value).catch((error) => error.message)
  })
  return form
}

function sample({ content }) {
  return Object.values(content)[0].example ?? { topic: 'house/door', payload: 'open', qos: 1, retain: false }
}

function example({ example, schema }) {
  return String(example ?? schema?.example ?? schema?.default ?? '')
}

function url(path, fields) {
  const target = here('docs')
  const filled = fields.filter((one) => one.in === 'path')
    .reduce((path, { name, input }) => path.replace(`{${name}}`, encodeURIComponent(input.value)), path)
  // Relative to this page, which may be served below a path by a proxy.
  target.pathname = target.pathname.replace(/\/api\/v1\/docs\/?$/, filled)
  for (const { name, input, in: place } of fields) {
    if (place === 'query' && input.value !== '') target.searchParams.set(name, input.value)
  }
  // A stream without an end cannot be shown as one answer.
  if (path.endsWith('/live') && !target.searchParams.has('events')) target.searchParams.set('events', '1')
  return target
}

// Next to this page. An address with a password in it may be opened, but not asked from a script.
function here(path) {
  const url = new URL(path, document.baseURI)
  url.username = ''
  url.password = ''
  return url
}

async function sent(target, method, text) {
  const headers = text === undefined ? {} : { 'content-type': 'application/json' }
  const response = await fetch(target, { method: method.toUpperCase(), headers, body: text, cache: 'no-store' })
  const answer = await response.text()
  return `${method.toUpperCase()} ${target.pathname}${target.search}\n${response.status} ${response.statusText}\n\n${pretty(answer)}`
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

function schema([name, one]) {
  const rows = Object.entries(one.properties ?? {}).map(([property, its]) => [
    h('code', { className: one.required?.includes(property) ? 'needed' : '' }, property),
    inline(its.description ?? ''), kind(its)])
  return h('details', { id: `schema-${name}` }, h('summary', {}, h('code', {}, name)),
    one.description && h('p', {}, inline(one.description)),
    rows.length > 0 ? table(['Field', 'What', 'Values'], rows) : h('p', {}, kind(one)))
}

// The values that a schema allows, on one line.
function kind(schema) {
  if (!schema) return 'anything'
  if (schema.$ref) return reference(schema.$ref.split('/').pop())
  const either = schema.oneOf ?? schema.anyOf
  if (either) return h('span', {}, ...either.flatMap((one, at) => (at > 0 ? [' or ', kind(one)] : [kind(one)])))
  if (schema.const !== undefined) return h('code', {}, schema.const)
  if (schema.enum) return h('span', {}, schema.enum.map((one) => JSON.stringify(one)).join(', '))
  if (schema.type === 'array') return h('span', {}, 'list of ', kind(schema.items))
  const types = [schema.type ?? 'anything'].flat().join(' or ')
  const range = [schema.minimum !== undefined && `from ${schema.minimum}`, schema.maximum !== undefined && `to ${schema.maximum}`,
    schema.default !== undefined && `default ${schema.default}`, schema.format, schema.pattern && `like ${schema.pattern}`].filter(Boolean)
  return h('span', {}, [types, ...range].join(', '))
}

// Text with `names` in it.
function inline(text) {
  const parts = text.split('`').map((part, at) => (at % 2 === 1 ? h('code', {}, part) : part))
  return h('span', {}, ...parts)
}

function reference(name) {
  return h('a', { href: `#schema-${name}` }, name)
}

function table(heads, rows) {
  return h('table', {}, h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', {}, head)))),
    h('tbody', {}, ...rows.map((cells) => h('tr', {}, ...cells.map((cell) => h('td', {}, cell))))))
}

function h(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...children.filter((child) => child !== undefined && child !== null && child !== false))
  return element
}
