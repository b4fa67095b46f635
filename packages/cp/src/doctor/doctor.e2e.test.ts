import { readDatabaseFacts } from '@holdfast/store'
import { byHand } from '@holdfast/store/testing'
import { startRedis } from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { doctor } from '../commands/doctor.js'
import { resolveSettings } from '../config/resolve.js'
import { closing } from '../testing/closing.js'
import { startGlobal } from '../testing/mesh.js'
import { programVersion } from '../version.js'
import { judgeDatabase } from './database.js'
import { judgeStore } from './store.js'

const { closes } = closing()

const saysOf = (findings: ReturnType<typeof judgeStore>): readonly string[] =>
  findings.flatMap(({ level, says }) => (level === 'fine' ? [] : [says]))

async function examined(databaseUrl: string, redisUrl?: string) {
  const free = { apiPort: '0', kdsPort: '0', diagnosticsPort: '0' }
  const resolved = resolveSettings({
    command: 'global',
    flags: { databaseUrl, ...free, ...(redisUrl === undefined ? {} : { redisUrl }) },
    env: {},
  })
  if (!('settings' in resolved)) throw new Error(JSON.stringify(resolved))
  const said: string[] = []
  const status = await doctor('global', resolved.settings, 'json', (text) => said.push(text))
  const { ok, findings } = JSON.parse(said.join('')) as {
    readonly ok: boolean
    readonly findings: readonly { readonly about: string; readonly level: string; readonly says: string }[]
  }
  expect(status).toBe(ok ? 0 : 3)
  return findings
}

test('the doctor reads a database as it is, beside a global that runs on it', async () => {
  const global = await startGlobal()
  closes(() => global.close())
  const { url } = global.database
  const facts = await readDatabaseFacts(url)
  // The tests' server need not survive a crash, and how fast it answers is not what is asked here.
  expect(saysOf(judgeDatabase(facts, Date.now()))).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^fsync is off/),
      expect.stringMatching(/^full_page_writes is off/),
      expect.stringMatching(/^synchronous_commit is off/),
    ]),
  )
  expect(saysOf(judgeStore(facts, { role: 'global', name: '', programVersion }))).toEqual([])
  expect(saysOf(judgeStore(facts, { role: 'zone', name: 'east', programVersion }))).toEqual([
    'it is the store of global, and this is zone east',
  ])
  await byHand(url, 'alter table leases rename to leases_of_before')
  expect(await examined(url)).toContainEqual(
    expect.objectContaining({ about: 'store', level: 'bad', says: 'tables are not there: leases' }),
  )
  await byHand(url, 'alter table leases_of_before rename to leases')
  await global.store.brakes.readOnly({ readOnly: true, actor: 'alice', reason: '' })
  expect(await examined(url)).toContainEqual(
    expect.objectContaining({ about: 'brakes', level: 'doubtful', says: 'alice has made it read-only' }),
  )
})

test('a database that does not answer is named, with the rest that was found', async () => {
  const findings = await examined('postgres://nobody:secret@127.0.0.1:1/holdfast')
  expect(findings.find(({ about }) => about === 'database')).toMatchObject({
    level: 'bad',
    says: expect.stringMatching(/127\.0\.0\.1:1.*ECONNREFUSED/),
  })
  expect(JSON.stringify(findings)).not.toContain('secret')
  expect(findings.find(({ about }) => about === 'ports')).toMatchObject({ level: 'fine' })
})

test('Redis is asked whether what is said there comes back: one that works, one with another password, one that is not there', async () => {
  const redis = await startRedis({ args: ['--requirepass', 'secret'] })
  closes(() => redis.close())
  const nowhere = 'postgres://nobody:secret@127.0.0.1:1/holdfast'
  const of = async (url: string) => (await examined(nowhere, url)).filter(({ about }) => about === 'redis')
  expect(await of(`redis://:secret@127.0.0.1:${redis.port}`)).toEqual([
    { about: 'redis', level: 'fine', says: expect.stringMatching(/^hints go through redis:\/\/.*127\.0\.0\.1/) },
  ])
  expect(await of(`redis://:other@127.0.0.1:${redis.port}`)).toMatchObject([
    { level: 'doubtful', says: expect.stringMatching(/WRONGPASS/) },
  ])
  const gone = await of('redis://:secret@127.0.0.1:1')
  expect(gone).toMatchObject([{ level: 'doubtful', says: expect.stringMatching(/ECONNREFUSED/) }])
  expect(JSON.stringify(gone)).not.toContain('secret')
  expect(await examined(nowhere)).not.toContainEqual(expect.objectContaining({ about: 'redis' }))
})
