import { compareVersions, type DatabaseFacts, type StoreFacts } from '@holdfast/store'
import { alarmLoad, crowded, crowdedText } from '@holdfast/vip'
import { bad, doubtful, type Finding, fine } from './finding.js'

const namedMax = 5

export interface Expected {
  readonly role: 'global' | 'zone'
  /** '' at global. */
  readonly name: string
  readonly programVersion: string
}

/** What stands in the database: whose it is, whether this program fits it, and what waits for somebody. */
export function judgeStore({ store, settings }: DatabaseFacts, expected: Expected): readonly Finding[] {
  if (store === undefined)
    return [
      doubtful(
        'store',
        `nothing of Holdfast is in the schema that search_path (${settings.search_path ?? ''}) leads to`,
        expected.role === 'global'
          ? 'is it the right database? If it is a new one: holdfast init'
          : 'is it the right database? If it is a new one, the first start makes everything',
      ),
    ]
  if (store.missingTables.length > 0)
    return [
      ...ownerFindings(store, expected),
      bad(
        'store',
        `tables are not there: ${store.missingTables.join(', ')}`,
        'a table was renamed or removed, or search_path leads to a part of them: put them back, or restore the whole database',
      ),
    ]
  return [
    ...ownerFindings(store, expected),
    ...migrationFindings(store, expected),
    ...stateFindings(store),
    ...poolFindings(store),
    ...peerFindings(store, expected),
    ...store.bloated.map(({ table, dead, live }) =>
      doubtful(
        'database',
        `table ${table} has ${dead} dead rows beside ${live} live ones`,
        `vacuum ${table}; is autovacuum on, and does an old transaction or replication slot hold it back?`,
      ),
    ),
  ]
}

const who = (role: string, name: string): string => (role === 'global' ? 'global' : `zone ${name}`)

function ownerFindings(store: StoreFacts, { role, name }: Expected): readonly Finding[] {
  const is = who(store.role, store.name)
  return store.role === role && store.name === name
    ? [fine('store', `it is the store of ${is}, revision ${store.revision}`)]
    : [
        bad(
          'store',
          `it is the store of ${is}, and this is ${who(role, name)}`,
          'name another database in --database-url: a store belongs to one control plane for good',
        ),
      ]
}

function migrationFindings(store: StoreFacts, { programVersion }: Expected): readonly Finding[] {
  if (compareVersions(programVersion, store.oldestProgram) < 0)
    return [
      bad(
        'migrations',
        `the database needs Holdfast ${store.oldestProgram} or later, this is ${programVersion}`,
        'start the newer program',
      ),
    ]
  return store.dueMigrations.length === 0
    ? [fine('migrations', `all are applied, the newest is number ${store.newestMigration}`)]
    : [
        doubtful(
          'migrations',
          `not applied yet: ${store.dueMigrations.join(', ')}`,
          'the next start applies them, or "holdfast migrate" does now',
        ),
      ]
}

function stateFindings(store: StoreFacts): readonly Finding[] {
  const found: Finding[] = []
  if (store.state === 'uninitialised')
    found.push(bad('store', 'it was never initialised, so nobody is told anything', 'holdfast init'))
  else if (store.state !== 'ready')
    found.push(
      bad(
        'store',
        `it is ${store.state}: ${store.reasons.join('; ')}`,
        store.role === 'global' ? 'holdfastctl recover status' : 'wait for global to return what it remembers',
      ),
    )
  if (store.readOnlyBy !== undefined)
    found.push(doubtful('brakes', `${store.readOnlyBy} has made it read-only`, 'holdfastctl read-only off'))
  for (const zone of store.pausedZones)
    found.push(doubtful('brakes', `zone ${zone} is paused`, `holdfastctl zone resume ${zone}`))
  return found
}

function poolFindings({ blocks, pendingServices }: StoreFacts): readonly Finding[] {
  const found: Finding[] = []
  for (const each of crowded(blocks))
    found.push(
      doubtful(
        'pools',
        crowdedText(each),
        'if no further block is granted, add a pool at global: holdfastctl vip pool list, holdfastctl vip pool add',
      ),
    )
  if (pendingServices > 0)
    found.push(
      doubtful(
        'pools',
        `${pendingServices} service${pendingServices === 1 ? ' waits' : 's wait'} for a virtual IP`,
        'holdfastctl vip explain NAME tells why',
      ),
    )
  return found.length > 0
    ? found
    : [fine('pools', `IPv4 blocks: ${blocks.length}, and no owner above ${alarmLoad * 100} %`)]
}

/** Neighbouring versions work together; who is further away should be told of. */
function peerFindings({ peers, replicas }: StoreFacts, { programVersion }: Expected): readonly Finding[] {
  const others = [
    ...peers.filter(({ extension }) => extension).map(({ peer, version }) => ({ name: peer || 'global', version })),
    ...replicas.map(({ instanceId, version }) => ({ name: `replica ${instanceId}`, version })),
  ]
  // A global does not say its version before it is met, so a zone has none of it.
  const unlike = others.filter(({ version }) => version !== '' && minorOf(version) !== minorOf(programVersion))
  const silent = others.filter(({ version }) => version === '').length
  const kuma = peers.filter(({ extension }) => !extension).length
  const said = `all of version ${minorOf(programVersion)}`
  if (unlike.length === 0) {
    const all = `${others.length} of ours${kuma === 0 ? '' : `, ${kuma} Kuma`}`
    return [
      fine(
        'peers',
        `${all}, ${silent === 0 ? said : silent === others.length ? 'of no known version' : `${said} but ${silent} of no known one`}`,
      ),
    ]
  }
  const part = partWords(unlike.length, others.length)
  const who = kuma === 0 ? part : `${part}, beside ${kuma} Kuma`
  const named = unlike.slice(0, namedMax).map(({ name, version }) => `${name} ${version}`)
  return [
    doubtful(
      'peers',
      `of another version than ${programVersion}: ${named.join(', ')}${unlike.length > namedMax ? ', …' : ''} (${who})`,
      'neighbouring versions work together; upgrade those that are further away',
    ),
  ]
}

const partWords = (some: number, all: number): string =>
  some < all ? `${some} of ${all} of ours` : all === 1 ? 'the only one of ours' : `all ${all} of ours`

const minorOf = (version: string): string => version.split('.').slice(0, 2).join('.')
