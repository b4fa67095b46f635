import { beforeEach, expect, test } from 'vitest'
import { harness, ok } from '../testing/harness.js'

const { call, store } = harness('global')
const asNobody = harness('global', {
  authenticate: () => ({ name: 'jo', groups: ['dev', 'mesh-system:authenticated'], admin: false }),
})

beforeEach(() => {
  for (const each of [store, asNobody.store]) {
    each.rows.clear()
    each.put({ type: 'MeshGadget', mesh: 'default', name: 'thing', origin: 'east', spec: Buffer.from([0xff, 0x00]) })
    each.put({ type: 'Secret', mesh: 'default', name: 'key', spec: Buffer.from('hidden') })
  }
})

test('UNKNOWN: what is kept raw is shown as it came', async () => {
  expect(await call('GET', '/_holdfast/raw/MeshGadget')).toEqual(
    ok({
      total: 1,
      items: [
        {
          ...{ type: 'MeshGadget', mesh: 'default', name: 'thing', zone: 'east' },
          ...{ labels: {}, typeUrl: '', spec: '/wA=', shown: true },
        },
      ],
    }),
  )
  expect(await call('GET', '/_holdfast/types')).toEqual(ok({ items: [] }))
})

test('what is known is not shown raw, and what is not is for administrators: it may be a secret', async () => {
  for (const each of [call, asNobody.call]) {
    const secret = await each('GET', '/_holdfast/raw/Secret')
    expect(secret.status).toBe(400)
    expect(JSON.stringify(secret.body)).toContain('Secret is known here: GET /secrets')
  }
  expect(await asNobody.call('GET', '/_holdfast/raw/MeshGadget')).toMatchObject({ status: 403 })
})
