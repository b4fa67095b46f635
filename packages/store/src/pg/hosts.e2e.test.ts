import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Problem } from '@holdfast/model'
import { afterEach, expect, test } from 'vitest'
import { putService } from '../conformance/fixtures.js'
import { startEmbedded } from '../embedded/index.js'
import { byHand } from '../testing/index.js'
import type { PgStore } from './store.js'
import { openOn } from './testing.js'

// Two real servers, one following the other; the store is told of both.
const closers: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const { signal } = new AbortController()
const put = (store: PgStore, name: string) =>
  store.local.apply({ changes: [putService(name)], atomic: true, actor: 'test' }, { signal })
const vipsOf = async (store: PgStore) =>
  (await store.read.list({ type: 'MeshService', offset: 0, limit: 10 })).items.map((row) => [
    row.displayName,
    row.vips?.addresses,
  ])

async function until(what: string, level: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 60_000
  while (!(await level())) {
    if (performance.now() > endMs) throw new Error(`waited a minute for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A primary and a standby that follows it. */
async function pair() {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-hosts-'))
  execFileSync('chmod', ['711', folder])
  closers.push(() => rmSync(folder, { recursive: true, force: true }))
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  const settings = { wal_level: 'replica', max_wal_senders: '4', fsync: 'off', wal_keep_size: '64MB' }
  const options = { settings, signal: AbortSignal.timeout(120_000) }
  await (await startEmbedded({ dataDir: one, ...options })).stop()
  execFileSync('cp', ['-a', one, two])
  writeFileSync(join(two, 'postgres', 'standby.signal'), '')
  const primary = await startEmbedded({ dataDir: one, ...options })
  closers.push(() => primary.stop())
  const { username, password, pathname } = new URL(primary.url)
  const follows = `host=127.0.0.1 port=${primary.port} user=${username} password=${password}`
  const standby = await startEmbedded({
    dataDir: two,
    ...options,
    settings: { ...settings, primary_conninfo: follows, wal_retrieve_retry_interval: '200ms' },
  })
  closers.push(() => standby.stop())
  // The standby stands first: what is taken is told by the servers, not by the order.
  const url = `postgres://${username}:${password}@127.0.0.1:${standby.port},127.0.0.1:${primary.port}${pathname}`
  return { primary, standby, url, password }
}

async function caughtUp(primaryUrl: string, standbyUrl: string): Promise<void> {
  const [at] = await byHand<{ lsn: string }>(primaryUrl, 'select pg_current_wal_lsn()::text as lsn')
  await until('the standby to have it all', async () => {
    const [row] = await byHand<{ there: boolean }>(
      standbyUrl,
      `select pg_last_wal_replay_lsn() >= '${at?.lsn ?? ''}'::pg_lsn as there`,
    )
    return row?.there === true
  })
}

test('VIP-2: the store goes over to the host that takes writes, and it is the same store there', {
  timeout: 240_000,
}, async () => {
  const { primary, standby, url, password } = await pair()
  const store = await openOn(url, { role: 'zone' })
  closers.push(() => store.close())
  await store.initialise({ actor: 'test', random: Uint8Array.of(1, 2, 3, 4, 5) })
  await store.vip.adoptBlocks(['241.16.0.0/20'])
  await put(store, 'web')
  const before = { vips: await vipsOf(store), status: await store.status() }
  await caughtUp(primary.url, standby.url)

  await primary.stop()
  // Nobody has been promoted: what is written is refused with what each host says, and no password.
  const refused = await put(store, 'meanwhile').catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(Problem)
  expect(refused).toMatchObject({ kind: 'unavailable' })
  await until('both hosts to be named', async () => {
    const words = await put(store, 'meanwhile').then(
      () => '',
      (error: Error) => error.message,
    )
    expect(words).not.toContain(password)
    return words.includes(`127.0.0.1:${standby.port}: it is a standby`) && words.includes(`127.0.0.1:${primary.port}: `)
  })

  await byHand(standby.url, 'select pg_promote()')
  const promotedMs = performance.now()
  await until('writes to be taken again', () =>
    put(store, 'after').then(
      () => true,
      () => false,
    ),
  )
  console.info(`writes were taken ${Math.round(performance.now() - promotedMs)} ms after the promotion`)
  const after = await store.status()
  expect(after).toMatchObject({ state: 'ready', identity: before.status.identity })
  expect(after.head.epoch).toBe(before.status.head.epoch)
  expect(after.head.revision).toBeGreaterThan(before.status.head.revision)
  expect(await vipsOf(store)).toEqual(expect.arrayContaining(before.vips))

  // Hints come from the new host too: another process hears of a commit long before it would look by itself.
  const other = await openOn(url, { role: 'zone', pollEveryMs: 600_000 })
  closers.push(() => other.close())
  const heard = new Promise<void>((resolve) => other.onAdvanced(resolve))
  await put(store, 'heard')
  await heard
})
