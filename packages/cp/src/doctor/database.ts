import type { DatabaseFacts } from '@holdfast/store'
import { bad, doubtful, type Finding, fine } from './finding.js'

const oldestServer = 140_000
/** Timestamps of the log, quarantine and certificates come from both clocks. */
const clockDoubtfulMs = 2_000
const clockBadMs = 30_000
const roundTripDoubtfulMs = 50
const connectionsFreeMin = 15
const mebibyte = 1 << 20

/**
 * What of a database would make a control plane slow, wrong or forgetful.
 * @param hasBus hints go another way than through the database
 */
export function judgeDatabase(facts: DatabaseFacts, nowMs: number, hasBus = false): readonly Finding[] {
  const { settings, connections } = facts
  const about = 'database'
  const found: Finding[] = [
    facts.versionNumber < oldestServer
      ? bad(about, `PostgreSQL ${facts.version}`, 'Holdfast needs PostgreSQL 14 or later: upgrade the server')
      : fine(about, `PostgreSQL ${facts.version}, ${Math.round(facts.sizeBytes / mebibyte)} MiB`),
    facts.roundTripMs > roundTripDoubtfulMs
      ? doubtful(
          about,
          `a question takes ${Math.round(facts.roundTripMs)} ms there and back`,
          'run the database nearer to the control plane: each commit waits for it several times',
        )
      : fine(about, `a question takes ${facts.roundTripMs.toFixed(1)} ms there and back`),
  ]
  if (facts.isStandby || settings.default_transaction_read_only === 'on')
    found.push(
      bad(
        about,
        facts.isStandby ? 'it is a standby: nothing can be written' : 'default_transaction_read_only is on',
        'name the primary in --database-url, for example with several hosts and target_session_attrs=read-write',
      ),
    )
  if (!facts.canCreate && facts.store === undefined)
    found.push(
      bad(
        about,
        `this user may make no tables in the schema that search_path (${settings.search_path ?? ''}) leads to`,
        'grant create on that schema, or run "holdfast migrate" once as its owner',
      ),
    )
  for (const [setting, why] of [
    ['fsync', 'a crash of the machine may lose or damage what was acknowledged'],
    ['full_page_writes', 'a crash of the machine may damage pages'],
    ['autovacuum', 'tables of sessions and heartbeats grow without end'],
  ] as const)
    if (settings[setting] === 'off') found.push(bad(about, `${setting} is off: ${why}`, `turn ${setting} on`))
  if (settings.synchronous_commit === 'off')
    found.push(
      doubtful(
        about,
        'synchronous_commit is off: the last moments of the log may be missing after a crash, which is found out and heals, with a new epoch',
        'turn synchronous_commit on',
      ),
    )
  if (settings.server_encoding !== undefined && settings.server_encoding !== 'UTF8')
    found.push(bad(about, `its encoding is ${settings.server_encoding}`, 'make a database with encoding UTF8'))
  const free = connections.max - connections.used
  found.push(
    free < connectionsFreeMin
      ? doubtful(
          'connections',
          `${connections.used} of ${connections.max} are used`,
          'raise max_connections, or put a pooler before it: each control plane takes up to 12',
        )
      : fine('connections', `${connections.used} of ${connections.max} are used`),
  )
  if (facts.pooling === 'transaction')
    found.push(
      hasBus
        ? fine('pooler', 'it hands out each transaction; hints come through Redis')
        : doubtful(
            'pooler',
            'it hands out each transaction, so nobody hears NOTIFY: what another process commits is seen up to a second later',
            'give --redis-url where that is too late; backup and restore are given the server itself',
          ),
    )
  const off = Math.round(facts.nowMs + facts.roundTripMs / 2 - nowMs)
  const clock = `the database's clock is ${Math.abs(off)} ms ${off < 0 ? 'behind' : 'ahead of'} this machine's`
  found.push(
    Math.abs(off) > clockBadMs
      ? bad('clock', clock, 'set both by NTP: certificates, quarantine and leases go by them')
      : Math.abs(off) > clockDoubtfulMs
        ? doubtful('clock', clock, 'set both by NTP')
        : fine('clock', clock),
  )
  return found
}
