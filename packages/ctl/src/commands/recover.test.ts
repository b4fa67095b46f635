import { expect, test } from 'vitest'
import { ago, apiError, run } from '../testing/run.js'

const channel = (name: string, more: Readonly<Record<string, unknown>> = {}) => ({
  ...{ channel: name, role: 'sender', phase: 'in step', inStep: true, lagSeconds: 0, provenEqualAt: ago(4) },
  ...more,
})
const overview = {
  ...{ controlPlane: 'global', mode: 'global', zone: null, version: '9', storeId: 'b0ce7a3e', state: 'recovering' },
  reasons: ['zone west remembers revision 25, the database ends at 18: it was restored from a backup'],
  head: { epoch: '1f17cd75c5fece6d49153e7635bfe0c0', revision: 19, tag: 'f0df0a18ccd9820f' },
  ...{ resources: 34, refused: 0, held: 0, pendingVips: 0 },
  peers: [
    { peer: 'east', connected: true, kuma: false, since: ago(60), refused: 0, held: 0, channels: [channel('up')] },
    {
      ...{ peer: 'west', connected: false, kuma: false, since: ago(900), refused: 2, held: 3 },
      lastError: 'stream ended',
      channels: [channel('up', { phase: 'diverged', inStep: false, lagSeconds: 12 })],
    },
  ],
  blocks: [
    { cidr: '241.110.32.0/20', kind: 'MeshService', zone: 'east', used: 3276, load: 0.8002 },
    { cidr: 'fd10::/64', kind: 'MeshService', zone: 'east', used: 2, load: 0 },
    { cidr: '243.46.48.0/20', kind: 'MeshMultiZoneService', zone: null, used: 1, load: 0.0002 },
  ],
  attention: [
    { what: 'zone west is not back', since: ago(900), next: 'bring zone west back' },
    { what: "zone east remembers 2 of global's resources", since: null, next: 'holdfastctl recover from-zone east' },
  ],
}

test('status: one page, and exit status 3 while something waits for a person', async () => {
  const ran = await run(['status'], { answers: { 'GET /_holdfast/overview': overview } })
  expect(ran.out).toBeGolden('status.txt')
  expect([ran.status, ran.err]).toEqual([3, ''])
  const quiet = { ...overview, state: 'ready', reasons: [], attention: [], mode: 'federated', zone: 'east' }
  const fine = await run(['status'], { answers: { 'GET /_holdfast/overview': quiet } })
  expect(fine.status).toBe(0)
  expect(fine.out).toContain('zone east (federated): ready')
  expect(fine.out).toContain('nothing waits for a decision')
  const json = await run(['status', '-o', 'json'], { answers: { 'GET /_holdfast/overview': quiet } })
  expect(JSON.parse(json.out)).toEqual(quiet)
  const alone = { ...quiet, mode: 'standalone', peers: [] }
  const standalone = await run(['status'], { answers: { 'GET /_holdfast/overview': alone } })
  expect(standalone.out).toMatch(/^zone east \(standalone\): ready\n.*\n.*\n\nBLOCK /)
})

const plan = {
  ...{ zone: 'east', applied: false },
  items: [
    {
      ...{ action: 'create', type: 'MeshMultiZoneService', mesh: 'default', name: 'web', witness: 'west' },
      addresses: ['243.46.48.7'],
      reason: 'zone west has it as last known good',
      conflicts: ['zone east has another version; zone west has followed global to revision 30, zone east to 22'],
    },
    {
      ...{ action: 'delete', type: 'MeshTimeout', mesh: 'default', name: 'old', witness: 'east', addresses: [] },
      ...{ reason: 'zone east remembers as deleted since yesterday', conflicts: [] },
    },
    {
      ...{ action: 'create', type: 'MeshExternalService', mesh: 'default', name: 'pay', witness: 'east' },
      ...{ addresses: ['242.0.0.9'], conflicts: [], reason: 'zone east has it as last known good' },
      problem: 'its address 242.0.0.9 belongs to MeshExternalService "other" here',
    },
  ],
  notAsked: [{ zone: 'north', reason: 'zone north did not answer' }],
}

test('recover from-zone: a plan first, done with --yes; what cannot be is named', async () => {
  const post = 'POST /_holdfast/recovery/from-zone'
  const ran = await run(['recover', 'from-zone', 'east'], { answers: { [post]: plan } })
  expect(ran.out).toBeGolden('recover-plan.txt')
  expect(ran).toMatchObject({ status: 1, err: '', asked: [[post, { zone: 'east', apply: false }]] })
  const done = await run(['recover', 'from-zone', 'east', '--yes'], {
    answers: { [post]: { ...plan, applied: true, items: plan.items.slice(0, 2), notAsked: [] } },
  })
  expect(done).toMatchObject({ status: 0, asked: [[post, { zone: 'east', apply: true }]] })
  expect(done.out).toContain('2 done, 0 not possible')
  const nothing = await run(['recover', 'from-zone', 'east'], { answers: { [post]: { ...plan, items: [] } } })
  expect(nothing.out).toContain('nothing to do')
})

test('recover finish: what would be lost is told, and --yes gives it up', async () => {
  const post = 'POST /_holdfast/recovery/finish'
  const no = await run(['recover', 'finish'], {
    answers: { [post]: apiError(409, 'Could not recover', 'this global still waits for zone west. Say --yes') },
  })
  expect(no).toMatchObject({ status: 1, out: '', asked: [[post, { confirmed: false }]] })
  expect(no.err).toContain('zone west')
  const yes = await run(['recover', 'finish', '--yes'], {
    answers: { [post]: { finished: true, state: 'ready', lost: ['zone west is not back'] } },
  })
  expect(yes.out).toBe('the recovery is over; the store is ready\n  given up: zone west is not back\n')
  const none = await run(['recover', 'finish'], { answers: { [post]: { finished: false, state: 'ready', lost: [] } } })
  expect([none.status, none.out]).toEqual([0, 'there is no recovery to finish: the store is ready\n'])
})

test('recover status: what it waits for, with exit status 3', async () => {
  const answers = {
    'GET /_holdfast/recovery': {
      ...{ state: 'recovering', reasons: ['restored'], epoch: 'e' },
      waits: [{ what: 'zone west is not back', next: 'bring it back' }],
    },
  }
  const ran = await run(['recover', 'status'], { answers })
  expect([ran.status, ran.err]).toEqual([3, ''])
  expect(ran.out).toBeGolden('recover-status.txt')
})

test('vip pool list and vip pool add', async () => {
  const pool = {
    kind: 'MeshService',
    family: 4,
    cidr: '241.0.0.0/8',
    reserved: ['241.0.0.0/16'],
    blocks: 3,
    leasedShare: 0.25,
  }
  const list = await run(['vip', 'pool', 'list'], { answers: { 'GET /_holdfast/vips/pools': { items: [pool] } } })
  expect(list.out).toBeGolden('vip-pool-list.txt')
  const add = 'POST /_holdfast/vips/pools'
  const newOne = { ...pool, cidr: '10.64.0.0/12', reserved: [], blocks: 0, leasedShare: 0 }
  const asked = ['vip', 'pool', 'add', 'MeshService=10.64.0.0/12']
  const shown = await run(asked, { answers: { [add]: { pool: newOne, changed: true, applied: false } } })
  expect(shown).toMatchObject({
    status: 0,
    out: expect.stringMatching(/would be added; nothing was changed.*vip pool add MeshService=10\.64\.0\.0\/12 --yes/),
    asked: [[add, { kind: 'MeshService', cidr: '10.64.0.0/12', apply: false }]],
  })
  const done = await run([...asked, '--yes'], { answers: { [add]: { pool: newOne, changed: true, applied: true } } })
  expect(done.out).toMatch(/^added 10\.64\.0\.0\/12 for MeshService/)
  const again = await run([...asked, '--yes'], { answers: { [add]: { pool: newOne, changed: false, applied: false } } })
  expect(again.out).toBe('10.64.0.0/12 for MeshService is there already\n')
  const wrong = await run(['vip', 'pool', 'add', '10.64.0.0/12'], { answers: {} })
  expect(wrong).toMatchObject({ status: 2, err: expect.stringContaining('a pool is KIND=CIDR') })
})

test('vip rebuild and vip release', async () => {
  const rebuild = 'POST /_holdfast/vips/rebuild'
  const row = { kind: 'MeshService', mesh: 'default', zone: 'east', name: 'web', family: 4, generation: 0 }
  const body = {
    applied: false,
    items: [
      { ...row, address: '241.16.0.1', state: 'active', witness: 'the service itself' },
      { ...row, name: 'gone', address: '241.16.0.2', state: 'tombstoned', witness: 'the history' },
    ],
    conflicts: ['MeshService "x" serves 241.16.0.3, the ledger has 241.16.0.4'],
    ...{ fromZones: 0, notAsked: [], unknown: 1 },
  }
  const ran = await run(['vip', 'rebuild'], { answers: { [rebuild]: body } })
  expect(ran.out).toBeGolden('vip-rebuild.txt')
  expect(ran).toMatchObject({ status: 3, asked: [[rebuild, { apply: false }]] })
  const done = await run(['vip', 'rebuild', '--yes'], {
    answers: { [rebuild]: { ...body, applied: true, conflicts: [], unknown: 0, fromZones: 3 } },
  })
  expect([done.status, done.out.trimEnd().split('\n').at(-1)]).toEqual([0, '2 put back, 3 more remembered by zones'])

  const release = 'POST /_holdfast/vips/release?address=241.16.0.2'
  const freed = await run(['vip', 'release', '241.16.0.2'], {
    answers: { [release]: { owner: { ...row, name: 'gone' }, released: ['241.16.0.2'] } },
  })
  expect([freed.status, freed.out]).toEqual([
    0,
    expect.stringMatching(/^released 241\.16\.0\.2, which MeshService gone/),
  ])
  const byName = 'POST /_holdfast/vips/release?name=web&mesh=shop&zone=east'
  const used = await run(['vip', 'release', 'web', '--mesh', 'shop', '--zone', 'east'], {
    answers: { [byName]: apiError(409, 'Could not release a VIP', '241.16.0.1 is in use by MeshService "web"') },
  })
  expect(used).toMatchObject({ status: 1, err: expect.stringContaining('in use by MeshService "web"') })
})
