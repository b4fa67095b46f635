import { beforeEach, expect, test } from 'vitest'
import type { IdentityView } from '../identity/view.js'
import { openReal, type Real } from '../testing/real.js'

// A zone of Kuma certifies its proxies with two Secrets of the mesh, which its global makes with the mesh.

let made: string[]
let api: Real
beforeEach(async () => {
  made = []
  const newMeshAuthority: IdentityView['newMeshAuthority'] = async (mesh, { backend, rsaBits }) => {
    made.push(`${mesh} ${backend} ${rsaBits}`)
    return { certificatePem: `certificate ${made.length}`, privateKeyPem: `key ${made.length}` }
  }
  api = await openReal('global', [], { identity: { newMeshAuthority } as IdentityView })
})

const mesh = (name: string, backend = 'ca-1', type = 'builtin', conf?: object) => ({
  ...{ type: 'Mesh', name },
  mtls: { enabledBackend: backend, backends: [{ name: backend, type, ...(conf === undefined ? {} : { conf }) }] },
})
const secretsOf = async (name: string): Promise<Readonly<Record<string, string>>> =>
  Object.fromEntries(
    (await api.call('GET', `/meshes/${name}/secrets`)).body.items.map((item: { name: string; data: string }) => [
      item.name,
      Buffer.from(item.data, 'base64').toString(),
    ]),
  )
const both = (name: string, text: number, backend = 'ca-1') => ({
  [`${name}.ca-builtin-cert-${backend}`]: `certificate ${text}`,
  [`${name}.ca-builtin-key-${backend}`]: `key ${text}`,
})

test('a mesh with a builtin backend has an authority with it, made once', async () => {
  expect((await api.call('PUT', '/meshes/shop', mesh('shop'))).status).toBe(201)
  expect(await secretsOf('shop')).toEqual(both('shop', 1))
  const revision = await api.revision()
  expect((await api.call('PUT', '/meshes/shop', mesh('shop'))).status).toBe(200)
  expect([await api.revision(), made]).toEqual([revision, ['shop ca-1 2048']])
})

test('a mesh that gets one later, or another one, has an authority for it; that of before stays', async () => {
  await api.call('PUT', '/meshes/shop', { type: 'Mesh', name: 'shop' })
  expect(await secretsOf('shop')).toEqual({})
  await api.call('PUT', '/meshes/shop', mesh('shop', 'ca-1', 'builtin', { caCert: { RSAbits: 4096 } }))
  await api.call('PUT', '/meshes/shop', mesh('shop', 'ca-2'))
  expect(await secretsOf('shop')).toEqual({ ...both('shop', 1), ...both('shop', 2, 'ca-2') })
  expect(made).toEqual(['shop ca-1 4096', 'shop ca-2 2048'])
})

test('no authority is made for a dry run, for another type of backend, or for a mesh that is refused', async () => {
  await api.call('PUT', '/meshes/shop?dryRun=true', mesh('shop'))
  await api.call('POST', '/_apply?dryRun=true', [mesh('shop')])
  const provided = { cert: { secret: 'c' }, key: { secret: 'k' } }
  await api.call('PUT', '/meshes/shop', mesh('shop', 'ca-1', 'provided', provided))
  const weak = mesh('cart', 'ca-1', 'builtin', { caCert: { RSAbits: 512 } })
  expect((await api.call('PUT', '/meshes/cart', weak)).body.invalid_parameters).toEqual([
    { field: 'mtls.backends[0].conf.caCert.RSAbits', reason: expect.stringContaining('2048') },
  ])
  expect(made).toEqual([])
})

test('who brings the secrets along, or has written them before, keeps them; a half of one is not completed', async () => {
  const secret = (name: string, of: string, text: string) => ({
    ...{ type: 'Secret', mesh: of, name, data: Buffer.from(text).toString('base64') },
  })
  const brought = both('shop', 7)
  await api.call('POST', '/_apply', [
    mesh('shop'),
    ...Object.entries(brought).map(([name, text]) => secret(name, 'shop', text)),
    mesh('cart'),
  ])
  expect(await secretsOf('shop')).toEqual(brought)
  expect(await secretsOf('cart')).toEqual(both('cart', 1))
  await api.call('DELETE', '/meshes/cart/secrets/cart.ca-builtin-key-ca-1?force=true')
  await api.call('PUT', '/meshes/cart', mesh('cart'))
  expect(Object.keys(await secretsOf('cart'))).toEqual(['cart.ca-builtin-cert-ca-1'])
  expect(made).toEqual(['cart ca-1 2048'])
})

test('a secret without which a mesh cannot certify its proxies is not deleted by mistake', async () => {
  await api.call('PUT', '/meshes/shop', mesh('shop'))
  const provided = { cert: { secret: 'chain' }, key: { secret: 'other' } }
  await api.call('PUT', '/meshes/cart', mesh('cart', 'ca-1', 'provided', provided))
  const data = Buffer.from('x').toString('base64')
  for (const name of ['chain', 'free'])
    await api.call('PUT', `/meshes/cart/secrets/${name}`, { type: 'Secret', mesh: 'cart', name, data })
  const deleted = async (path: string) => {
    const { status, body } = await api.call('DELETE', path)
    return [status, body.invalid_parameters?.[0]?.reason]
  }
  const inUse = (name: string, of: string) => [
    400,
    `The secret "${name}" that you are trying to remove is currently in use in Mesh "${of}" in mTLS backend "ca-1". Please remove the reference from the "ca-1" backend before removing the secret.`,
  ]
  const name = 'shop.ca-builtin-cert-ca-1'
  expect(await deleted(`/meshes/shop/secrets/${name}`)).toEqual(inUse(name, 'shop'))
  expect(await deleted('/meshes/cart/secrets/chain')).toEqual(inUse('chain', 'cart'))
  expect(await deleted('/meshes/cart/secrets/free')).toEqual([200, undefined])
  await api.call('PUT', '/meshes/shop', { type: 'Mesh', name: 'shop' })
  expect(await deleted(`/meshes/shop/secrets/${name}`)).toEqual([200, undefined])
})

test('two who make the same mesh at once have one authority, of one piece', async () => {
  await Promise.all([api.call('PUT', '/meshes/shop', mesh('shop')), api.call('PUT', '/meshes/shop', mesh('shop'))])
  const kept = Object.values(await secretsOf('shop')).map((text) => text.replace(/^\D+/, ''))
  expect(kept).toHaveLength(2)
  expect(new Set(kept).size).toBe(1)
})
