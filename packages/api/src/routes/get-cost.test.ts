import type { ControlPlaneStore } from '@holdfast/store'
import { expect, test } from 'vitest'
import { FakeStore } from '../testing/fake-store.js'
import { harness } from '../testing/harness.js'

/** Every question that is asked of a store, by its name. */
function counted(store: ControlPlaneStore): { readonly store: ControlPlaneStore; readonly asked: string[] } {
  const asked: string[] = []
  const told = <T extends object>(target: T, path: string): T =>
    new Proxy(target, {
      get(of, key) {
        const value: unknown = Reflect.get(of, key)
        const name = `${path}${String(key)}`
        if (typeof value === 'function')
          return (...given: unknown[]) => {
            asked.push(name)
            return Reflect.apply(value, of, given)
          }
        return typeof value === 'object' && value !== null ? told(value, `${name}.`) : value
      },
    })
  return { store: told(store, ''), asked }
}

const vips = { addresses: ['241.16.0.1'], generation: 0 }
const spec = Buffer.from('{"selector":{},"ports":[{"port":80}]}')

test.each(['global', 'federated'] as const)('%s: to show one service is one question of the store', async (mode) => {
  const fake = new FakeStore(mode === 'global' ? '' : 'zone-1')
  const { store, asked } = counted(fake.port())
  const { call } = harness(mode, { store })
  fake.put({ type: 'Mesh', mesh: '', name: 'default', origin: '' })
  fake.put({ type: 'MeshService', mesh: 'default', name: 'web', origin: 'zone-1', spec, vips })
  const get = async () => {
    asked.length = 0
    const { status } = await call('GET', '/meshes/default/meshservices/web')
    return [status, ...asked]
  }
  // The first one reads all names; from then on a change of something else costs the look at what has changed.
  await get()
  expect(await get()).toEqual([200, 'read.shown'])
  fake.put({ type: 'MeshService', mesh: 'default', name: 'api', origin: 'zone-1', spec, vips })
  expect(await get()).toEqual([200, 'read.shown', 'read.changes'])
  expect(await get()).toEqual([200, 'read.shown'])
})
