import { emptyChain, followChain } from '@holdfast/identity'
import { secretSpec, specTypeUrl, typeOf } from '@holdfast/model'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { byHand } from '../testing/by-hand.js'
import { freshDatabase, type TestDatabase } from '../testing/index.js'
import type { PgStore } from './store.js'
import { openOn } from './testing.js'

let database: TestDatabase
let store: PgStore
beforeAll(async () => {
  database = await freshDatabase()
  store = await openOn(database.url, { role: 'global', listen: false })
  await store.initialise({ actor: 'test', random: new Uint8Array(16) })
})
afterAll(async () => {
  await store.close()
  await database.drop()
})

const put = (names: readonly string[], text: string, source?: string) =>
  store.local.apply(
    {
      changes: names.map((name) => ({
        change: 'put' as const,
        key: { type: 'GlobalSecret', mesh: '', name },
        content: {
          labels: {},
          typeUrl: specTypeUrl(typeOf('GlobalSecret')),
          spec: secretSpec(Buffer.from(text)),
        },
        namespace: '',
        displayName: name,
        wantsVip: false,
      })),
      atomic: true,
      actor: 'ann',
      source,
    },
    { signal: AbortSignal.timeout(30_000) },
  )
const step = async () => followChain(emptyChain, (await store.read.auditAfter?.(0, 10_000)) ?? [])
const mesh = (spec: string) =>
  store.local.apply(
    {
      changes: [
        {
          change: 'put',
          key: { type: 'HostnameGenerator', mesh: '', name: 'g' },
          content: { labels: {}, typeUrl: specTypeUrl(typeOf('HostnameGenerator')), spec: Buffer.from(spec) },
          namespace: '',
          displayName: 'g',
          wantsVip: false,
        },
      ],
      atomic: true,
      actor: 'ann',
      source: '192.0.2.7',
    },
    { signal: AbortSignal.timeout(30_000) },
  )

test('each change says who, from where, and what was before and after; of secrets only that they changed', async () => {
  await mesh('{"template":"a"}')
  await mesh('{"template":"b"}')
  await put(['s'], 'the treasure')
  const [secret, second, first] = await store.read.audit(3)
  expect(first).toMatchObject({
    actor: 'ann',
    action: 'created',
    detail: { from: '192.0.2.7', after: { spec: { template: 'a' } } },
  })
  expect(first?.detail).not.toHaveProperty('before')
  expect(second).toMatchObject({
    action: 'updated',
    detail: { before: { spec: { template: 'a' } }, after: { spec: { template: 'b' } } },
  })
  expect(secret?.detail).toEqual({
    after: { entry: expect.stringMatching(/^[0-9a-f]{32}$/), bytes: expect.any(Number) },
  })
})

test('what a peer has sent with a NUL in it, which PostgreSQL keeps in no JSON, stands there as its bytes', async () => {
  const spec = '{"template":"a","odd":"x\\u0000y"}'
  await mesh(spec)
  await mesh('{"template":"c"}')
  const [line] = await store.read.audit(1)
  expect(line?.detail).toMatchObject({
    before: { specHex: Buffer.from(spec).toString('hex') },
    after: { spec: { template: 'c' } },
  })
})

test('the log follows from its own hashes, whatever the size of a commit and however many write at once', async () => {
  await Promise.all([
    put(
      Array.from({ length: 150 }, (_, i) => `bulk-${i}`),
      'x',
    ),
    ...Array.from({ length: 20 }, (_, i) => put([`one-${i}`], 'x')),
  ])
  const followed = await step()
  expect(followed).toMatchObject({ ok: true, state: { open: [], unproven: 0 } })
  expect(followed.ok && followed.state.proven).toBeGreaterThan(170)
})

test('a line can neither be changed nor taken away', async () => {
  for (const statement of ["update audit set actor = 'nobody'", 'delete from audit', 'truncate audit'])
    await expect(byHand(database.url, statement)).rejects.toThrow(/append-only/)
})

test.each([
  ['changed', "update audit set actor = 'nobody' where id = (select min(id) + 5 from audit)"],
  ['taken away', 'delete from audit where id = (select min(id) + 5 from audit)'],
  [
    'hashed anew',
    "update audit set chain = sha256('x') where id = (select min(id) from audit where chain is not null)",
  ],
])('by somebody who may do everything: a line that was %s is found', async (_, statement) => {
  await byHand(
    database.url,
    `create table kept as select * from audit; alter table audit disable trigger audit_append_only; ${statement}`,
  )
  expect(await step()).toMatchObject({ ok: false })
  await byHand(
    database.url,
    `delete from audit; insert into audit overriding system value select * from kept; drop table kept;
     alter table audit enable trigger audit_append_only`,
  )
  expect(await step()).toMatchObject({ ok: true })
})

test('lines of a program that made no hashes are counted as unproven, and those after them are proven', async () => {
  await byHand(
    database.url,
    `alter table audit disable trigger audit_append_only;
     update audit set chain = null; alter table audit enable trigger audit_append_only`,
  )
  const before = (await store.read.auditAfter?.(0, 10_000))?.length ?? 0
  await put(['after'], 'y')
  expect(await step()).toMatchObject({ ok: true, state: { unproven: before, proven: 1, open: [] } })
})
