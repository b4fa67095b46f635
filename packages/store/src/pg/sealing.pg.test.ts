import type { MasterKey } from '@holdfast/identity'
import { contentHash, hex, secretData, secretSpec, specTypeUrl, typeOf } from '@holdfast/model'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freshDatabase, type TestDatabase } from '../testing/index.js'
import type { PgStore } from './store.js'
import { openOn } from './testing.js'
import { keyGraceMs } from './vault.js'

const master = (id: string, fill: number): MasterKey => ({ id, key: new Uint8Array(32).fill(fill) })
const [k1, k2] = [master('k1', 1), master('k2', 2)]
const treasure = 'the treasure lies under the third oak'
const { signal } = new AbortController()

let database: TestDatabase
let nowMs = Date.now()
beforeAll(async () => {
  database = await freshDatabase()
})
afterAll(() => database.drop())

const open = (masterKeys: readonly MasterKey[]): Promise<PgStore> =>
  openOn(database.url, { role: 'global', masterKeys, clock: () => nowMs, listen: false })

const put = async (store: PgStore, type: 'Secret' | 'GlobalSecret', name: string, text: string) => {
  const mesh = type === 'Secret' ? 'default' : ''
  const content = { labels: {}, typeUrl: specTypeUrl(typeOf(type)), spec: secretSpec(Buffer.from(text)) }
  const change = { change: 'put', key: { type, mesh, name }, content, namespace: '', displayName: name } as const
  const [outcome] = await store.local.apply(
    { changes: [{ ...change, wantsVip: false }], atomic: true, actor: 'test' },
    { signal },
  )
  expect(outcome?.outcome).toMatch(/created|updated|unchanged/)
  return { outcome: outcome?.outcome, hash: hex(contentHash(content)) }
}
const textOf = async (store: PgStore, name: string): Promise<string> => {
  const row = await store.read.get({ type: 'GlobalSecret', mesh: '', name })
  return Buffer.from(secretData(row?.spec ?? new Uint8Array())).toString()
}
interface Raw {
  readonly name: string
  readonly key_id: number | null
  readonly content: string
  readonly revision: string
}
const query = async <R extends pg.QueryResultRow>(
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly R[]> => {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    return (await client.query<R>(text, [...values])).rows
  } finally {
    await client.end()
  }
}
const raw = () =>
  query<Raw>(
    `select name, key_id, encode(content, 'hex') as content, revision from resources
     where type in ('Secret', 'GlobalSecret') order by type, name`,
  )
/** Every table as text, bytes in hex and base64 alike: what somebody finds who has a dump. */
async function dump(): Promise<string> {
  const tables = await query<{ name: string }>(`select tablename as name from pg_tables where schemaname = 'public'`)
  const texts = await Promise.all(
    tables.map(({ name }) => query<{ t: string }>(`select r::text as t from "${name}" r`)),
  )
  return texts
    .flat()
    .map(({ t }) => t)
    .join('\n')
}
const inDump = (text: string): readonly string[] => [
  text,
  Buffer.from(text).toString('hex'),
  Buffer.from(text).toString('base64').slice(0, 40),
]

test('secrets are sealed in the database, hash as they always did, and are read as they were written', async () => {
  const plain = await open([])
  await plain.initialise({ actor: 'test', random: new Uint8Array(16) })
  await plain.local.apply(
    {
      changes: [
        {
          change: 'put',
          key: { type: 'Mesh', mesh: '', name: 'default' },
          content: { labels: {}, typeUrl: specTypeUrl(typeOf('Mesh')), spec: new Uint8Array() },
          namespace: '',
          displayName: 'default',
          wantsVip: false,
        },
      ],
      atomic: true,
      actor: 'test',
    },
    { signal },
  )
  const before = await put(plain, 'GlobalSecret', 'older', treasure)
  const digests = await query('select * from digests order by part, type, origin, audience')
  await plain.close()
  expect(await dump()).toContain(Buffer.from(treasure).toString('hex'))

  const store = await open([k1])
  expect(await textOf(store, 'older')).toBe(treasure)
  expect(await store.sealing?.reseal(100)).toBe(1)
  expect(await store.sealing?.reseal(100)).toBe(0)
  const { hash } = await put(store, 'GlobalSecret', 'newer', `${treasure}, twice`)
  await put(store, 'Secret', 'in-mesh', `${treasure}, thrice`)
  expect([await textOf(store, 'older'), await textOf(store, 'newer')]).toEqual([treasure, `${treasure}, twice`])
  expect((await put(store, 'GlobalSecret', 'newer', `${treasure}, twice`)).outcome).toBe('unchanged')
  const rows = await raw()
  expect(rows.map(({ name, key_id }) => [name, key_id])).toEqual([
    ['newer', 1],
    ['older', 1],
    ['in-mesh', 1],
  ])
  expect([rows[0]?.content, rows[1]?.content]).toEqual([hash, before.hash])
  const after = await query<{ type: string }>('select * from digests order by part, type, origin, audience')
  expect(after.filter(({ type }) => type === 'Mesh')).toEqual(digests.filter((row) => row.type === 'Mesh'))
  const all = await dump()
  for (const shape of inDump(treasure)) expect(all).not.toContain(shape)
  await store.close()
})

test('a new master key: data keys are wrapped anew, no secret is touched, and the old one is not needed any more', async () => {
  const before = await raw()
  await (await open([k2, k1])).close()
  const store = await open([k2])
  expect([await textOf(store, 'older'), await raw()]).toEqual([treasure, before])
  await store.close()
})

test('without the key, or with another one, nothing starts, and it is said which is missing', async () => {
  await expect(open([])).rejects.toThrow(
    /sealed, and the key k2 that opens them was not given: start with --secrets-key-file/,
  )
  await expect(open([k1])).rejects.toThrow(/sealed with the key k2, and only k1 \([0-9a-f]{8}\) was given/)
  await expect(open([master('k2', 9)])).rejects.toThrow(/another one than that of the same name/)
})

test('a new data key: used after every replica has it, then everything is brought under it; no hash and no revision moves', async () => {
  const [store, other] = [await open([k2]), await open([k2])]
  expect(await store.sealing?.rotate()).toBe(2)
  await put(store, 'GlobalSecret', 'meanwhile', 'still under the first')
  expect(await textOf(other, 'meanwhile')).toBe('still under the first')
  const before = await raw()
  expect(before.map(({ key_id }) => key_id)).toEqual([1, 1, 1, 1])
  nowMs += keyGraceMs + 1
  while ((await store.sealing?.reseal(2)) !== 0);
  const after = await raw()
  expect(after).toEqual(before.map((row) => ({ ...row, key_id: 2 })))
  expect(await store.sealing?.counts()).toEqual([{ keyId: 2, count: 4 }])
  expect(await textOf(store, 'older')).toBe(treasure)
  await Promise.all([store.close(), other.close()])
})

test('a sealed value that was changed, or put in the place of another, does not open, and the scrub finds nothing of its own', async () => {
  const store = await open([k2])
  await query(`update resources a set spec = b.spec, plain_content = b.plain_content, key_id = b.key_id
    from resources b where a.name = 'older' and b.name = 'newer'`)
  await expect(textOf(store, 'older')).rejects.toThrow(/does not open with data key 2/)
  expect(await textOf(store, 'newer')).toBe(`${treasure}, twice`)
  await store.close()
})
