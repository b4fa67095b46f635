import { expect, test } from 'vitest'
import { bestFirst, preference, type Recollection, recoveryVerdict } from './recover-verdict.js'
import type { Row } from './types.js'

const epoch = 'a'.repeat(32)
/** The store was put back to 21 and wrote on to 25, before anybody noticed. */
const history = {
  epochs: new Set([epoch]),
  endOf: () => 25,
  tagAt: (_: string, revision: number) => (revision <= 25 ? `here ${revision}` : undefined),
}
const remembers = (zone: string, revision: number, tag: string, row: Partial<Recollection['row']>): Recollection => ({
  witness: { zone, storeId: zone, state: 'ready', cursor: { epoch, revision, tag } },
  row: {
    ...{ type: 'Mesh', mesh: '', exportName: 'shop', displayName: 'shop', namespace: '', origin: '' },
    ...{ labels: {}, typeUrl: '', spec: new Uint8Array(), modifiedAtMs: 19_000, asOffered: true, ...row },
  },
})
const deleted = {
  type: 'Mesh',
  mesh: '',
  name: 'shop',
  deleted: true,
  deletedAtMs: 2_000,
  revision: 14,
} as unknown as Row

test('DUR: who has followed what was lost is asked before those who have followed the store since it was put back', () => {
  const since = remembers('west', 25, 'here 25', { deletedAtMs: 2_000, modifiedAtMs: 23_000 })
  for (const lost of [remembers('east', 23, 'lost', {}), remembers('east', 26, 'lost', {})]) {
    const best = bestFirst([since, lost], history)
    expect(best.map(({ witness }) => witness.zone)).toEqual(['east', 'west'])
    expect(preference(lost, since, history)).toMatch(/east has followed a life of this store that was lost/)
    expect(recoveryVerdict(best, deleted, history)).toMatchObject({ verdict: 'create' })
  }
})

test('within one history the one that has followed further counts', () => {
  const [near, far] = [remembers('east', 21, 'here 21', {}), remembers('west', 25, 'here 25', { deletedAtMs: 2_000 })]
  expect(bestFirst([near, far], history)).toEqual([far, near])
  expect(preference(far, near, history)).toMatch(/west has followed global to revision 25, zone east to 21/)
})
