import { Problem } from '@holdfast/model'
import { afterEach, expect, test, vi } from 'vitest'
import { openReal, type Real } from '../testing/real.js'
import { watchId, watchPositionOf } from './position.js'

interface Event {
  readonly event: string
  readonly id: string | undefined
  readonly data: {
    readonly name?: string
    readonly detail?: string
    readonly labels?: Readonly<Record<string, string>>
  }
}

/** A client that keeps what it has been told, and waits for a level of it. */
class Watcher {
  readonly events: Event[] = []
  readonly #abort = new AbortController()
  #isEnded = false

  async begin(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    const response = await fetch(url, {
      headers: { accept: 'text/event-stream', ...headers },
      signal: this.#abort.signal,
    })
    if (response.status === 200) void this.#read(response)
    return response
  }

  async #read(response: Response): Promise<void> {
    let text = ''
    try {
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk as Uint8Array).toString()
        for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
          const fields = new Map(
            text
              .slice(0, end)
              .split('\n')
              .filter((line) => !line.startsWith(':'))
              .map((line): [string, string] => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
          )
          text = text.slice(end + 2)
          const event = fields.get('event')
          if (event !== undefined)
            this.events.push({ event, id: fields.get('id'), data: JSON.parse(fields.get('data') ?? '{}') })
        }
      }
    } catch {
      // Ended by us or by the server: either way there is no more.
    }
    this.#isEnded = true
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** In short: what, of whom. */
  get told(): readonly string[] {
    return this.events.map(({ event, data }) => (data.name === undefined ? event : `${event} ${data.name}`))
  }

  async until(level: () => boolean): Promise<void> {
    const endMs = performance.now() + 10_000
    while (!level()) {
      if (performance.now() > endMs) throw new Error(`told so far: ${JSON.stringify(this.told)}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  end(): void {
    this.#abort.abort()
  }
}

let api: Real
const watchers: Watcher[] = []
const watcher = (): Watcher => {
  const made = new Watcher()
  watchers.push(made)
  return made
}
afterEach(async () => {
  for (const each of watchers.splice(0)) each.end()
  await api.app.close()
})

async function open(options: Parameters<typeof openReal>[2] = {}) {
  api = await openReal('global', [], options)
  for (const name of ['default', 'shop']) await api.call('PUT', `/meshes/${name}`, { type: 'Mesh', name })
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const address = api.app.server.address()
  const base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const put = (name: string, labels: Readonly<Record<string, string>> = {}, mesh = 'default') =>
    api.call('PUT', `/meshes/${mesh}/meshretries/${name}`, { type: 'MeshRetry', mesh, name, labels, spec: {} })
  const remove = (name: string) => api.call('DELETE', `/meshes/default/meshretries/${name}`)
  return { base, put, remove }
}

test('what is there, then what changes, and after a break what has changed meanwhile', async () => {
  const { base, put, remove } = await open()
  await put('a')
  await put('b')
  await put('gone')
  await remove('gone')
  await put('elsewhere', {}, 'shop')
  const url = `${base}/meshes/default/meshretries?watch=true`
  const first = watcher()
  const response = await first.begin(url)
  expect(response.headers.get('content-type')).toBe('text/event-stream')
  await first.until(() => first.told.includes('synced'))
  expect(first.told).toEqual(['changed a', 'changed b', 'synced'])
  await put('c', { team: 'x' })
  await remove('a')
  await first.until(() => first.told.includes('deleted a'))
  expect(first.told.slice(3)).toEqual(['changed c', 'deleted a'])
  expect(first.events[3]?.data).toEqual((await api.call('GET', '/meshes/default/meshretries/c')).body)
  first.end()

  await put('d')
  await put('d', { team: 'y' })
  await remove('b')
  const second = watcher()
  await second.begin(url, { 'last-event-id': first.events.at(-1)?.id ?? '' })
  await second.until(() => second.told.includes('deleted b'))
  // Two changes of d are the last of them, and nothing that was told before is told again.
  expect(second.told).toEqual(['changed d', 'deleted b'])
  expect(second.events[0]?.data.labels?.team).toBe('y')
})

test('filters hold for what is told, and what no longer matches is taken back', async () => {
  const { base, put } = await open()
  await put('a', { team: 'x' })
  await put('b', { team: 'y' })
  const one = watcher()
  await one.begin(`${base}/meshretries?watch=true&filter[labels.team]=x`)
  await one.until(() => one.told.includes('synced'))
  await put('b', { team: 'x' })
  await put('a', { team: 'y' })
  await one.until(() => one.told.includes('deleted a'))
  expect(one.told).toEqual(['changed a', 'synced', 'changed b', 'deleted a'])
})

test('a status that changes alone is told, and not again after a break', async () => {
  api = await openReal('standalone', ['241.64.0.0/20'])
  const body = { type: 'MeshService', mesh: 'default', name: 'web', spec: { selector: {}, ports: [{ port: 80 }] } }
  await api.call('PUT', '/meshes/default/meshservices/web', body)
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const address = api.app.server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/meshservices?watch=true`
  const first = watcher()
  await first.begin(url)
  await first.until(() => first.told.includes('synced'))
  const key = { type: 'MeshService', mesh: 'default', name: 'web' }
  const write = (total: number) =>
    api.store.local.writeStatus(key, Buffer.from(JSON.stringify({ dataplaneProxies: { total } })))
  await write(1)
  await first.until(() => first.told.length === 3)
  expect(first.told).toEqual(['changed web', 'synced', 'changed web'])
  expect(first.events[2]?.data).toMatchObject({ status: { dataplaneProxies: { total: 1 } } })
  first.end()
  const second = watcher()
  await second.begin(url, { 'last-event-id': first.events.at(-1)?.id ?? '' })
  await write(2)
  await second.until(() => second.told.length > 0)
  expect([second.told, second.events[0]?.data]).toMatchObject([
    ['changed web'],
    { status: { dataplaneProxies: { total: 2 } } },
  ])
})

const generator = (name: string, template: string) => ({
  type: 'HostnameGenerator',
  name,
  spec: { template, selector: { meshService: { matchLabels: {} } } },
})
const webService = (name: string, mesh = 'default') => ({
  type: 'MeshService',
  mesh,
  name,
  spec: { selector: {}, ports: [{ port: 80 }] },
})

/** A zone with services whose names follow from generators, and who watches them. */
async function openNamed() {
  api = await openReal('standalone', ['241.64.0.0/20'])
  for (const name of ['a', 'b']) await api.call('PUT', `/meshes/default/meshservices/${name}`, webService(name))
  const write = async (template: string) =>
    expect((await api.call('PUT', '/hostnamegenerators/g', generator('g', template))).status).toBeLessThan(300)
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const address = api.app.server.address()
  return { write, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/meshservices?watch=true` }
}

const hostnamesTold = ({ events }: Watcher): readonly string[] =>
  events.map(({ data }) => {
    const { status } = data as { status?: { addresses?: readonly { hostname: string }[] } }
    return (status?.addresses ?? []).map(({ hostname }) => hostname).join()
  })

test('what follows from other resources is told once, and after a break only if it has changed meanwhile', async () => {
  const { write, url } = await openNamed()
  const first = watcher()
  await first.begin(url)
  await first.until(() => first.told.includes('synced'))
  await write('{{ .DisplayName }}.one')
  await first.until(() => first.told.length === 5)
  expect(first.told).toEqual(['changed a', 'changed b', 'synced', 'changed a', 'changed b'])
  expect(hostnamesTold(first).slice(3)).toEqual(['a.one', 'b.one'])
  expect(first.events[4]?.data).toEqual((await api.call('GET', '/meshes/default/meshservices/b')).body)
  first.end()

  // Nothing of what is shown has changed: the next thing that is told is the next thing that happens.
  await write('{{ .DisplayName }}.one')
  const id = first.events.at(-1)?.id ?? ''
  const second = watcher()
  await second.begin(url, { 'last-event-id': id })
  await api.call('PUT', '/meshes/default/meshservices/c', webService('c'))
  await second.until(() => second.told.length > 0)
  // What the log has told is not told again by the looks that come after it.
  const looks = vi.spyOn(api.store.read, 'refused')
  await second.until(() => looks.mock.calls.length >= 2)
  expect(second.told).toEqual(['changed c'])
  second.end()

  await write('{{ .DisplayName }}.two')
  const third = watcher()
  await third.begin(url, { 'last-event-id': second.events.at(-1)?.id ?? '' })
  await third.until(() => third.told.length >= 3)
  expect([...third.told].sort()).toEqual(['changed a', 'changed b', 'changed c'])
  expect([...hostnamesTold(third)].sort()).toEqual(['a.two', 'b.two', 'c.two'])
  // A break in the middle: what was not told then is told now, and what was may be again.
  const fourth = watcher()
  await fourth.begin(url, { 'last-event-id': third.events[0]?.id ?? '' })
  await fourth.until(() => fourth.told.length >= 3)
  expect([...hostnamesTold(fourth)].sort()).toEqual(['a.two', 'b.two', 'c.two'])
})

test('another process tells what is computed again if it is not the same, and nothing if it is', async () => {
  const { write, url } = await openNamed()
  await write('{{ .DisplayName }}.one')
  const first = watcher()
  await first.begin(url)
  await first.until(() => first.told.includes('synced'))
  first.end()
  const [id = ''] = first.events.filter(({ event }) => event === 'synced').map((each) => each.id)
  const position = watchPositionOf(id ?? '')
  if (position?.computed === undefined) throw new Error('the id does not say how far the parts are known')
  const { computed } = position
  const elsewhere = (sum: string) => watchId({ ...position, computed: { ...computed, instance: 'another', sum } })
  const [same, other] = [watcher(), watcher()]
  await same.begin(url, { 'last-event-id': elsewhere(computed.sum) })
  await other.begin(url, { 'last-event-id': elsewhere('0') })
  await other.until(() => other.told.length >= 2)
  await api.call('PUT', '/meshes/default/meshservices/c', webService('c'))
  for (const each of [same, other]) await each.until(() => each.told.includes('changed c'))
  expect([same.told, other.told]).toEqual([['changed c'], ['changed a', 'changed b', 'changed c']])
})

test('a MeshMultiZoneService is told when what it matches has changed, and only in the mesh that is watched', async () => {
  api = await openReal('standalone', ['241.64.0.0/20', '243.64.0.0/20'])
  for (const mesh of ['default', 'shop']) {
    await api.call('PUT', `/meshes/${mesh}`, { type: 'Mesh', name: mesh })
    const spec = { selector: { meshService: { matchLabels: { app: 'web' } } }, ports: [{ port: 80 }] }
    const body = { type: 'MeshMultiZoneService', mesh, name: 'all', spec }
    expect((await api.call('PUT', `/meshes/${mesh}/meshmultizoneservices/all`, body)).status).toBe(201)
  }
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  const address = api.app.server.address()
  const base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const one = watcher()
  await one.begin(`${base}/meshes/default/meshmultizoneservices?watch=true`)
  await one.until(() => one.told.includes('synced'))
  for (const mesh of ['shop', 'default']) {
    const body = { ...webService('web', mesh), labels: { app: 'web' } }
    expect((await api.call('PUT', `/meshes/${mesh}/meshservices/web`, body)).status).toBe(201)
  }
  await one.until(() => one.told.length === 3)
  expect(one.events[2]?.data).toMatchObject({
    mesh: 'default',
    name: 'all',
    status: { meshServices: [{ name: 'web', mesh: 'default' }] },
  })
})

test.each([['/meshes/default'], ['/zones/_overview'], ['/meshes/default/meshservices/web/_hostnames']])(
  '%s cannot be watched, and says so instead of a list that looks like an answer',
  async (path) => {
    await open()
    for (const accept of ['text/event-stream', 'application/json'])
      expect(await api.call('GET', `${path}?watch=true`, undefined, { accept })).toMatchObject({
        status: 400,
        body: { detail: expect.stringContaining('cannot be watched') },
      })
    expect((await api.call('GET', `${path}?watch=false`)).status).not.toBe(400)
  },
)

test('a position of another log is gone, and one that no watch has said is refused', async () => {
  const { base } = await open()
  const url = `${base}/meshes/default/meshretries?watch=true`
  const position = { revision: 1, typeOrder: 1, mesh: '', name: '' }
  const ask = async (id: string) => {
    const response = await watcher().begin(url, { 'last-event-id': id })
    return { status: response.status, body: (await response.json()) as { title: string } }
  }
  expect(await ask(watchId({ epoch: 'f'.repeat(32), position }))).toMatchObject({
    status: 410,
    body: { title: 'Position is gone' },
  })
  for (const id of ['x', '1.', '1.e30', `1.${Buffer.from('[1,2]').toString('base64url')}`])
    expect((await ask(id)).status).toBe(400)
  expect((await api.call('GET', '/meshes/default/meshretries?watch=maybe')).status).toBe(400)
  expect((await api.call('GET', '/meshes/nope/meshretries?watch=true')).status).toBe(404)
})

test('nobody watches for ever a server that closes, and no more than may', async () => {
  const { base } = await open({ limits: { watcherMax: 2 } })
  const url = `${base}/meshretries?watch=true`
  const [one, two, three] = [watcher(), watcher(), watcher()]
  expect((await one.begin(url)).status).toBe(200)
  expect((await two.begin(url)).status).toBe(200)
  expect((await three.begin(url)).status).toBe(503)
  two.end()
  const again = watcher()
  const endMs = performance.now() + 10_000
  while ((await again.begin(url)).status !== 200)
    if (performance.now() > endMs) throw new Error('whoever has gone still counts')
  await api.app.close()
  await one.until(() => one.isEnded)
})

test('an id says where one stands, and back', () => {
  const position = { revision: 42, typeOrder: 510, mesh: 'default', name: 'a.b-é' }
  const id = watchId({ epoch: 'e', position })
  expect(id).toMatch(/^42\.[\w-]+$/)
  expect(watchPositionOf(id)).toEqual({ epoch: 'e', position })
})

test('who is told what changes is told no more once what let them in is void, and another goes on', async () => {
  const revoked = new Set<unknown>()
  const { base, put } = await open({
    limits: { watcherCheckMs: 20 },
    authenticate: ({ headers }) => {
      if (revoked.has(headers.authorization)) throw new Problem('unauthenticated', 'Unauthenticated')
      return { name: 'mesh-system:admin', groups: [], admin: true }
    },
  })
  const url = `${base}/meshes/default/meshretries?watch=true`
  const [ann, jo] = [watcher(), watcher()]
  await ann.begin(url, { authorization: 'Bearer ann' })
  await jo.begin(url, { authorization: 'Bearer jo' })
  await put('a')
  for (const each of [ann, jo]) await each.until(() => each.told.includes('changed a'))
  revoked.add('Bearer ann')
  await ann.until(() => ann.isEnded)
  await put('b')
  await jo.until(() => jo.told.includes('changed b'))
  expect([ann.told.includes('changed b'), jo.isEnded]).toEqual([false, false])
  expect((await ann.begin(url, { authorization: 'Bearer ann' })).status).toBe(401)
})
