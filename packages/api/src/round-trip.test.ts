import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { bodyOf, urlOf, writable } from './testing/bodies.js'
import { Chance } from './testing/chance.js'
import { openReal } from './testing/real.js'

const rounds = 60

test.each([
  ['global', {}],
  ['federated', { 'kuma.io/origin': 'zone' }],
] as const)(
  'RO: whatever a %s control plane has accepted, read back as JSON or YAML and applied again, writes nothing',
  { timeout: 240_000 },
  async (mode, labels) => {
    const api = await openReal(mode, mode === 'global' ? [] : ['241.64.0.0/20'])
    if (mode === 'global') await api.call('PUT', '/meshes/default', { type: 'Mesh', name: 'default' })
    const chance = new Chance(7)
    const accepted = new Map<string, number>()
    for (const type of writable)
      for (let round = 0; round < rounds; round++) {
        const name = `r${round}`
        const url = urlOf(type, name)
        const given = bodyOf(type, name, { ...labels, team: 'a' }, chance)
        const { status } = await api.call('PUT', url, given)
        if (status === 405) break
        if (status >= 400) continue
        accepted.set(type.name, (accepted.get(type.name) ?? 0) + 1)
        const read = (await api.call('GET', url)).body
        const revision = await api.revision()
        for (const again of [read, parse(stringify(read)), given]) {
          const answer = await api.call('PUT', url, again)
          expect([type.name, answer.status, answer.body.invalid_parameters]).toEqual([type.name, 200, undefined])
        }
        const bulk = await api.call('POST', '/_apply', { items: [read] })
        expect(bulk.body.results).toMatchObject([{ outcome: 'unchanged' }])
        expect([type.name, JSON.stringify(given), await api.revision()]).toEqual([
          type.name,
          JSON.stringify(given),
          revision,
        ])
      }
    const total = [...accepted.values()].reduce((sum, count) => sum + count, 0)
    // Chance must not have become a way to accept nothing.
    expect(total).toBeGreaterThan(200)
    expect(accepted.size).toBeGreaterThan(mode === 'global' ? 20 : 15)
    expect(api.logged).toEqual([])
  },
)
