import { byHand } from '@holdfast/store/testing'
import { freshDatabase, type TestDatabase } from '@holdfast/testkit'
import { expect, test, vi } from 'vitest'
import { closing } from '../testing/closing.js'
import { inStep, Processes, putService, type Running, until, vipsOf } from '../testing/process.js'

// OWN, ONE: a process that stood still for longer than it takes to be dead, whose work another one has taken over, goes
// on as if nothing had happened. The database itself counts what it still writes.
vi.setConfig({ testTimeout: 180_000 })
const { closes } = closing()

const own = async (database: Promise<TestDatabase>): Promise<string> => {
  const made = await database
  closes(() => made.drop())
  return made.url
}

/** Whose connection it is can be told by the database. */
const as = (url: string, name: string): string => `${url}${url.includes('?') ? '&' : '?'}application_name=${name}`

/** Everything that a session writes with effects: rows, ledger, where it stands. */
const watched = ['resources', 'vip_ledger', 'cursors', 'refused', 'holds'] as const
const watch = (url: string, name: string) =>
  byHand(
    url,
    `create table zombie_rows (what text not null);
     create function note_zombie() returns trigger language plpgsql as $$
     begin
       if current_setting('application_name') = '${name}' then insert into zombie_rows values (tg_table_name); end if;
       return null;
     end $$;
     ${watched.map((table) => `create trigger zombie after insert or update or delete on ${table} for each row execute function note_zombie();`).join('\n')}`,
  )
const written = async (url: string) =>
  (await byHand<{ what: string }>(url, 'select what from zombie_rows')).map((row) => row.what)

const services = async (plane: Running): Promise<readonly string[]> => Object.keys(await vipsOf(plane)).sort()
const joins = (plane: Running): number => plane.log().filter(({ msg }) => msg === 'joined').length

test('ONE: a zone process that stood still is taken over; when it goes on it writes nothing, and stands by', async () => {
  const processes = new Processes()
  closes(() => processes.close())
  const [globalUrl, eastUrl, westUrl] = await Promise.all([freshDatabase(), freshDatabase(), freshDatabase()].map(own))
  const global = await processes.start('global', ['--database-url', globalUrl ?? '', '--init'])
  const flags = (name: string, url: string) => [
    ...['--zone', name, '--database-url', url, '--global-address', `grpc://127.0.0.1:${global.ports.kds ?? 0}`],
  ]
  const first = await processes.start('zone', flags('east', as(eastUrl ?? '', 'first')))
  const west = await processes.start('zone', flags('west', westUrl ?? ''))
  await until('both to be in step', async () => (await inStep(first)) && (await inStep(west)), { withinMs: 60_000 })
  await putService(west, 'before')
  await until('east to have it', async () => (await services(first)).includes('west/before'))

  const second = await processes.start('zone', flags('east', as(eastUrl ?? '', 'second')))
  await until('the second to stand by', () => second.logged('standing by: process'), { otherwise: () => second.out })
  first.send('SIGSTOP')
  await until('the second to be in step', () => inStep(second), { withinMs: 5_000, otherwise: () => second.out })
  await until('global to have one session of east', () => joins(second) === 1)
  await watch(eastUrl ?? '', 'first')
  // Long enough to be dead: three heartbeats of five seconds. What comes meanwhile is written by the second.
  const deadAtMs = performance.now() + 16_000
  for (let n = 0; performance.now() < deadAtMs; n++) {
    await putService(west, `during-${n % 5}`)
    await until('east to have it', async () => (await services(second)).includes(`west/during-${n % 5}`))
  }
  first.send('SIGCONT')
  await until(
    'the first to have noticed',
    () => first.log().some(({ msg, reason }) => /process \S+ of this zone has the session/.test(`${msg} ${reason}`)),
    {
      withinMs: 60_000,
      otherwise: () => first.out,
    },
  )
  await putService(west, 'after')
  await until('east to have it', async () => (await services(second)).includes('west/after'))
  await until('the second to be in step', () => inStep(second), { withinMs: 60_000 })
  expect(await written(eastUrl ?? '')).toEqual([])
  expect(await services(first)).toEqual(await services(second))
})

test('ONE: a global that stood still while its zone went to the other one writes nothing of that zone when it goes on', async () => {
  const processes = new Processes()
  closes(() => processes.close())
  const [globalUrl, eastUrl] = await Promise.all([freshDatabase(), freshDatabase()].map(own))
  const first = await processes.start('global', ['--database-url', as(globalUrl ?? '', 'first'), '--init'])
  const second = await processes.start('global', ['--database-url', as(globalUrl ?? '', 'second')])
  const addresses = [first, second].map((global) => `grpc://127.0.0.1:${global.ports.kds ?? 0}`)
  const east = await processes.start('zone', [
    ...['--zone', 'east', '--database-url', eastUrl ?? '', '--global-address', addresses.join(',')],
  ])
  await until('east to be in step', () => inStep(east), { withinMs: 60_000, otherwise: () => east.out })
  await putService(east, 'before')
  await until('global to have it', async () => (await services(second)).includes('east/before'))
  const at = joins(first) > 0 ? first : second
  const other = at === first ? second : first

  at.send('SIGSTOP')
  await putService(east, 'during')
  await until('east to have gone over', () => joins(other) > 0, { withinMs: 90_000, otherwise: () => east.out })
  await until('the other global to have it', async () => (await services(other)).includes('east/during'), {
    withinMs: 60_000,
  })
  await watch(globalUrl ?? '', at === first ? 'first' : 'second')
  at.send('SIGCONT')
  await until('the old session to have ended', () => at.logged('session ended'), {
    withinMs: 60_000,
    otherwise: () => at.out,
  })
  await putService(east, 'after')
  await until(
    'both globals to have it',
    async () => (await services(other)).includes('east/after') && (await services(at)).includes('east/after'),
  )
  expect(await written(globalUrl ?? '')).toEqual([])
})
