import { allTypes } from '@holdfast/model'
import { expect, test } from 'vitest'
import { putService } from '../conformance/fixtures.js'
import { differencesOf } from '../memory/verify.js'
import { byHand } from '../testing/index.js'
import { doubtful } from './statements/claims-read.js'
import { activeLedger, serviceRows } from './statements/vip-read.js'
import { freshStore } from './testing.js'

const { signal } = new AbortController()
const names = Array.from({ length: 12 }, (_, i) => `s${i}`)
const kinds = allTypes.filter(({ vipKind }) => vipKind).map(({ name }) => name)
const at = (name: string): string => `type = 'MeshService' and display_name = '${name}'`

/** As a disk rots: no trigger runs. */
const unseen = (text: string): string =>
  `set session_replication_role = replica; ${text}; set session_replication_role = origin`

test.each([
  [
    'an address that the ledger does not have',
    `update resources set vips = '\\x0a04f1100001'::bytea where ${at('s3')}`,
  ],
  ['no address', `update resources set vips = '' where ${at('s3')}`],
  ['no address and a reason', `update resources set vips = '', pending_reason = 'why' where ${at('s3')}`],
  ['an address too few', `update vip_ledger set family = 4, address = '241.16.0.9' where display_name = 's3'`],
  ['nothing in the ledger', `delete from vip_ledger where display_name in ('s3', 's7')`],
  ['no service', `delete from resources where ${at('s3')}`],
  ['an alias instead', `update vip_ledger set scope = 'zone:west' where display_name = 's3'`],
  ['what stands in for it', `update vip_ledger set scope = 'zone:east' where display_name = 's3'`],
  ['bytes that are no addresses', `update resources set vips = vips || '\\x0a'::bytea where ${at('s3')}`],
  [
    'a tombstone that is served',
    `update vip_ledger set state = 'tombstoned', tombstoned_at = now() where display_name = 's3'`,
  ],
  ['one address too many', `update resources set vips = vips || '\\x0a0401020304'::bytea where ${at('s3')}`],
  ['another generation alone', `update resources set vips = vips || '\\x1005'::bytea where ${at('s3')}`],
])('VIP-4: few rows tell of %s what all of them tell', async (_, damage) => {
  await using opened = await freshStore({ role: 'zone', listen: false, pollEveryMs: 600_000 })
  const { store, database } = opened
  await store.vip.adoptBlocks(['241.16.0.0/24'])
  const changes = names.map((name) => putService(name))
  await store.local.apply({ changes, atomic: true, actor: 'test' }, { signal })
  expect(await doubtful(store.database, kinds, 'east')).toEqual({ rows: [], ledger: [] })

  await byHand(database.url, unseen(damage))
  const whole = { rows: await serviceRows(store.database, kinds), ledger: await activeLedger(store.database) }
  const few = await doubtful(store.database, kinds, 'east')
  expect(few?.rows.length).toBeLessThanOrEqual(2)
  expect(few && differencesOf(few, 'east')).toEqual(differencesOf(whole, 'east'))
})
