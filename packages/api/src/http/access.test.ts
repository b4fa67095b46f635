import { defaultAccess, type Level, mayTouch, type Role, type Subject } from '@holdfast/identity'
import { expect, test } from 'vitest'
import { harness } from '../testing/harness.js'
import { openReal } from '../testing/real.js'
import { titles } from './errors.js'

const jo: Subject = { name: 'jo', groups: ['team-a', 'mesh-system:authenticated'] }
const role = (level: Level, ...meshes: readonly string[]): Role => ({ users: [], groups: ['team-a'], meshes, level })
const modes = ['global', 'federated', 'standalone'] as const
const asks = (subject: Subject, roles: readonly Role[] | undefined, mode: (typeof modes)[number] = 'global') =>
  harness(mode, {
    authenticate: () => ({ ...subject, admin: false }),
    ...(roles === undefined ? {} : { access: { ...defaultAccess, roles } }),
  })

const hasBody = (method: string): boolean => ['PUT', 'POST'].includes(method)

/** Every path and verb that is registered, with something in place of each parameter. */
function everyCall(app: ReturnType<typeof asks>['app']): readonly (readonly [method: string, path: string])[] {
  const tree = app.printRoutes({ commonPrefix: false, includeHooks: false })
  const stack: string[] = []
  return tree.split('\n').flatMap((line) => {
    const match = /^([│ ]*)[├└]── (\S*)(?: \(([A-Z, ]+)\))?/.exec(line)
    if (match === null) return []
    const depth = (match[1] ?? '').length / 4
    stack.length = depth
    stack.push(match[2] ?? '')
    const path = stack.join('').replace(/:[A-Za-z]+(\|:[A-Za-z]+)*/g, 'x')
    return (match[3] ?? '').split(', ').flatMap((method) => (method === '' ? [] : [[method, path] as const]))
  })
}

test.each(modes)('%s: who is nobody gets nothing from any route but who they are and what this is', async (mode) => {
  const nobody = { name: 'mesh-system:anonymous', groups: ['mesh-system:unauthenticated'] }
  const { app, call } = asks(nobody, undefined, mode)
  await app.ready()
  const calls = everyCall(app)
  expect(calls.length).toBeGreaterThan(150)
  const open: string[] = []
  for (const [method, path] of calls) {
    const { status } = await call(method, path, hasBody(method) ? {} : undefined)
    if (status !== 403) open.push(`${method} ${path} ${status}`)
  }
  expect(open.sort()).toEqual(['GET / 200', 'GET /who-am-i 200'])
})

test.each(modes)('%s: an administrator is turned away by no route', async (mode) => {
  const { app, inject } = await openReal(mode)
  await app.ready()
  const away: string[] = []
  for (const [method, path] of everyCall(app)) {
    const { statusCode: status, body } = await inject(method as 'GET', path, hasBody(method) ? {} : undefined)
    if (status === 401 || body.includes(titles.denied)) away.push(`${method} ${path} ${status}`)
  }
  expect(away).toEqual([])
})

test.each(modes)('%s: who may read everything changes nothing', async (mode) => {
  const { app, call, store } = asks(jo, [role('read', '*')], mode)
  await app.ready()
  const writes = everyCall(app).filter(([method]) => method !== 'GET')
  const let_in: string[] = []
  for (const [method, path] of writes) {
    const { status } = await call(method, path, hasBody(method) ? {} : undefined)
    if (status !== 403) let_in.push(`${method} ${path} ${status}`)
  }
  expect(let_in).toEqual([])
  expect(store.audits).toEqual([])
})

test('a role for one mesh reaches that mesh, and nothing else', async () => {
  const { call } = asks(jo, [role('write', 'demo')])
  const status = async (method: string, path: string, body?: unknown) => (await call(method, path, body)).status
  expect(await status('GET', '/meshes/demo/meshservices')).not.toBe(403)
  expect(await status('GET', '/meshes/demo')).not.toBe(403)
  expect(await status('GET', '/_resources')).toBe(200)
  for (const path of [
    '/meshes/other/meshservices',
    '/meshservices',
    '/meshes',
    '/zones',
    '/config-x',
    '/_holdfast/vips',
  ])
    expect([path, await status('GET', path)]).toEqual([path, path === '/config-x' ? 404 : 403])
  expect(await status('PUT', '/meshes/demo', { type: 'Mesh', name: 'demo' })).toBe(403)
  const object = (mesh: string) => ({
    type: 'MeshTimeout',
    mesh,
    name: 't',
    spec: { targetRef: { kind: 'Mesh' }, to: [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout: '1h' } }] },
  })
  expect(await status('POST', '/_apply', [object('other')])).toBe(403)
  expect(await status('POST', '/_holdfast/holds/x/approve', {})).toBe(403)
})

test('what a proxy says of itself is for whom the lists name, and only in meshes that they may read', async () => {
  const lists = { ...defaultAccess.static, viewStats: { users: [], groups: ['sre'] } }
  const subject = { ...jo, admin: false }
  const status = async (kind: string, roles: readonly Role[]) => {
    const { call } = harness('global', {
      authenticate: () => subject,
      access: { static: lists, roles },
    })
    return (await call('GET', `/meshes/demo/dataplanes/dp/${kind}`)).status
  }
  const readers = [role('read', 'demo')]
  // 404: let in, and there is no such mesh.
  expect([await status('xds', readers), await status('clusters', readers), await status('stats', readers)]).toEqual([
    404, 404, 403,
  ])
  expect(await status('xds', [role('read', 'other')])).toBe(403)
})

test('levels and meshes of roles', () => {
  const rules = { ...defaultAccess, roles: [role('write', 'a'), role('read', '*')] }
  const may = (level: Level, mesh: string | undefined) => mayTouch(rules, jo, level, mesh)
  expect([may('write', 'a'), may('write', 'b'), may('read', 'b'), may('read', '*'), may('write', '*')]).toEqual([
    true,
    false,
    true,
    true,
    false,
  ])
  expect([may('operate', 'a'), may('write', undefined)]).toEqual([false, true])
  expect(mayTouch(rules, { name: 'mesh-system:admin', groups: [] }, 'operate', '*')).toBe(true)
})

test.each(modes)(
  '%s: what the description of the API names is what is registered: the matrix of the real thing goes by it',
  async (mode) => {
    const { app, call } = harness(mode)
    await app.ready()
    const { paths } = (await call('GET', '/openapi.json')).body as {
      readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
    }
    const described = Object.entries(paths).flatMap(([path, item]) =>
      Object.keys(item).map((verb) => `${verb.toUpperCase()} ${path.replace(/\{\w+\}/g, 'x')}`),
    )
    const registered = everyCall(app).map(([method, path]) => `${method} ${path}`)
    expect([...new Set(registered)].sort()).toEqual([...new Set(described)].sort())
  },
)
