import type { JsonObject, KumaResourceParts } from '@holdfast/model'
import { type RecordedState, recordedStates } from '@holdfast/model/testing'
import {
  heldOf,
  type RecordedConnection,
  type RecordedMoment,
  recordedConversation,
  recordedMoments,
  requestsSaid,
  responsesSaid,
  type SaidVersion,
  saidBy,
  startGlobalPlayer,
  versionsSaid,
  type ZoneSaid,
} from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { get } from '../testing/faults.js'
import { eager, remove, startZone, until, type ZonePlane } from '../testing/mesh.js'
import { bothStates, idOf, makeOwn } from '../testing/recorded/states.js'

// Everything that a recorded global of Kuma said, into our zone: it comes to what the recorded zone came to, and says what
// that one said.

async function makeAndRemove(zone: ZonePlane, state: RecordedState): Promise<void> {
  const own = await makeOwn(zone, state, { mode: 'federated', zone: zone.name })
  const { items } = await get<{ readonly items: readonly JsonObject[] }>(zone, '/meshservices?size=1000')
  for (const item of items)
    if ((item.labels as JsonObject)['kuma.io/origin'] === 'zone' && !own.has(idOf(item)))
      await remove(zone, `/meshes/${item.mesh}/meshservices/${item.name}`)
}

async function within<T>(ms: number, what: string, work: Promise<T>, state: () => unknown): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}: ${JSON.stringify(state())}`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

/** Name, labels and the bytes of the spec; status has its own rules (see `status` of the differences). */
const contentText = ({ name, mesh, labels, typeUrl, spec }: KumaResourceParts): string =>
  [
    ...[mesh, name, typeUrl],
    JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))),
    Buffer.from(spec).toString('latin1'),
  ].join(' ')

const heldText = (responses: readonly Buffer[]): readonly string[] =>
  [...heldOf(responses)]
    .flatMap(([type, objects]) => [...objects.values()].map((parts) => `${type} ${contentText(parts)}`))
    .sort()

/** What was said of each resource, one after the other: without what differs in status alone, and without `label-gap`. */
function contentsSaid(responses: readonly Buffer[]): Readonly<Record<string, readonly string[]>> {
  const isGap = (of: string, version: SaidVersion): boolean =>
    of.startsWith('MeshService ') && version !== 'removed' && version.labels['kuma.io/mesh'] === undefined
  return Object.fromEntries(
    [...versionsSaid(responses)]
      .map(([of, versions]): [string, readonly string[]] => {
        const texts = versions
          .filter((version) => !isGap(of, version))
          .map((version) => (version === 'removed' ? version : contentText(version)))
        // Of versions that differ in what is computed alone, the last counts: it may come a moment later.
        return [of, texts.filter((text, i) => authored(text) !== authored(texts[i + 1]))]
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

const authored = (text: string | undefined): string | undefined =>
  text?.replace(/"state":"[A-Za-z]+",/, '').replace(/,"identities":\[[^\]]*\]/, '')

/** Message by message, up to order, nonces, VIPs and versions. */
function sameConversation(said: ZoneSaid, recorded: RecordedConnection): void {
  const everything = Number.POSITIVE_INFINITY
  // Metadata of the call: the values that a Kuma reads.
  const values = (name: string): readonly string[] =>
    said.metadata.get(name).flatMap((value) =>
      value
        .toString()
        .split(',')
        .map((each) => each.trim()),
    )
  for (const name of ['client-id', 'kds-version', 'features'])
    expect(values(name)).toEqual(
      expect.arrayContaining((recorded.metadata[name] ?? '').split(',').map((v) => v.trim())),
    )

  // Requests: one of each type at first, then one acknowledgement for each response.
  const ours = requestsSaid(said.requests)
  const theirs = requestsSaid(saidBy(recorded.down, 'zone', everything))
  const initial = (requests: typeof ours) =>
    Object.fromEntries(requests.filter(({ nonce }) => nonce === '').map((request) => [request.type, request]))
  const [ownFirst, recordedFirst] = [initial(ours), initial(theirs)]
  expect(ownFirst).toMatchObject(recordedFirst)
  const newer = Object.keys(ownFirst).filter((type) => recordedFirst[type] === undefined)
  expect(newer.filter((type) => !['MeshOpenTelemetryBackend', 'MeshZoneAddress'].includes(type))).toEqual([])
  const acks = (requests: typeof ours) =>
    requests
      .filter(({ nonce, type }) => nonce !== '' && !newer.includes(type))
      .map((request) => ({ ...request, features: [], nodeFields: [] }))
      .sort((a, b) => Number(a.nonce) - Number(b.nonce))
  // See `answers-again` of the differences: word for word, on a machine that is slow enough.
  const once = new Map(acks(ours).map((request) => [JSON.stringify(request), request]))
  expect([...once.values()]).toEqual(acks(theirs))

  // Responses: the first of each type is there, empty or not; then what was said of each resource.
  const answers = responsesSaid(said.responses)
  const recordedAnswers = responsesSaid(saidBy(recorded.up, 'zone', everything))
  const types = (responses: typeof answers) => [...new Set(responses.map(({ type }) => type))].sort()
  expect(types(answers)).toEqual(types(recordedAnswers))
  expect(new Set(answers.map(({ nonce }) => nonce)).size).toBe(answers.length)
  expect(answers.every(({ controlPlane, nonce }) => controlPlane === recorded.zone && nonce !== '')).toBe(true)
  expect(contentsSaid(said.responses)).toEqual(contentsSaid(saidBy(recorded.up, 'zone', everything)))
}

test.concurrent.each(
  ['2.14.3', '2.13.10', '2.14.3-no-suffix', '2.13.10-no-suffix'].flatMap((folder) =>
    ['zone-1', 'zone-2'].map((name) => [folder, name] as const),
  ),
)(
  'a recorded global of Kuma %s over our %s: its state, and all that it says, is as recorded at every moment',
  { timeout: 240_000 },
  async (folder, name) => {
    const { connections, atMs } = recordedConversation(folder)
    const recorded = connections[name] ?? []
    const states = recordedStates(folder)
    const stateAt = (moment: RecordedMoment): RecordedState => states[moment]?.[name] ?? {}
    const player = await startGlobalPlayer({ connections: recorded })
    let zone = await startZone(name, player.port, { backoff: eager })
    let at = 0
    try {
      expect(await zone.store.vip.adoptBlocks(['241.16.0.0/20'])).toEqual([])
      for (const moment of recordedMoments) {
        if (moment === '4-zone-2-back' && name === 'zone-2') {
          await zone.close()
          zone = await startZone(name, player.port, { backoff: eager, database: zone.database })
          at++
        }
        if (moment === '5-global-back') {
          player.breakOff()
          at++
        }
        const connection = recorded[at]
        if (connection === undefined) throw new Error(`there is no connection ${at}`)
        await within(60_000, `${moment}: global to have its answers`, player.playUntil(at, atMs[moment]), () =>
          player.waits(at),
        )
        await makeAndRemove(zone, stateAt(moment))
        const wanted = heldText(saidBy(connection.up, 'zone', atMs[moment]))
        expect(wanted.length).toBeGreaterThan(1)
        const told = () => heldText(player.said(at).responses)
        const isSame = () => JSON.stringify(told()) === JSON.stringify(wanted)
        await until(`global to have of ${name} what it had`, isSame, 60_000).catch(() => {
          expect({ moment, told: told() }).toEqual({ moment, told: wanted })
        })
        const { ours, theirs } = await bothStates(zone, stateAt(moment))
        expect(ours).toEqual(theirs)
        expect(theirs.length).toBeGreaterThan(moment === '1-joined' ? 10 : 20)
        expect(player.refusals()).toEqual([])
      }
      for (const [i, connection] of recorded.entries()) sameConversation(player.said(i), connection)
    } finally {
      await zone.close()
      await player.close()
    }
  },
)
