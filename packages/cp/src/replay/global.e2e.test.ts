import type { KumaResourceParts } from '@holdfast/model'
import { type RecordedState, recordedStates } from '@holdfast/model/testing'
import {
  heldOf,
  type RecordedMoment,
  recordedConversation,
  recordedMoments,
  saidBy,
  startZonePlayer,
  type ZonePlayer,
} from '@holdfast/testkit'
import { expect, test } from 'vitest'
import { startGlobal, until } from '../testing/mesh.js'
import { ofEachInstallation, wireLabels } from '../testing/recorded/differences.js'
import { bothStates, makeOwn } from '../testing/recorded/states.js'

// Everything that two recorded zones of Kuma said, into our global: it comes to what the recorded global came to, and tells
// the zones what that one told them.

/** What a zone holds, as text: types, names, labels and the bytes of specs. */
function heldText(held: ReturnType<ZonePlayer['held']>, folder: string): readonly string[] {
  const lines = [...held].flatMap(([type, objects]) =>
    ofEachInstallation.has(type) ? [] : [...objects.values()].map((parts) => partsText(type, parts, folder)),
  )
  return lines.sort()
}

const partsText = (
  type: string,
  { name, mesh, labels, typeUrl, spec, status }: KumaResourceParts,
  folder: string,
): string => {
  const shown = Object.entries(wireLabels(labels, folder)).sort(([a], [b]) => (a < b ? -1 : 1))
  const bytes = (value: Uint8Array | undefined) => (value === undefined ? '-' : Buffer.from(value).toString('latin1'))
  return [type, mesh, name, JSON.stringify(shown), typeUrl, bytes(spec), bytes(status)].join(' ')
}

test.concurrent.each(['2.14.3', '2.13.10', '2.14.3-no-suffix', '2.13.10-no-suffix'])(
  'two recorded zones of Kuma %s under our global: its state, and what they get, is as recorded at every moment',
  { timeout: 240_000 },
  async (folder) => {
    const { connections, atMs } = recordedConversation(folder)
    const states = recordedStates(folder)
    const stateAt = (moment: RecordedMoment): RecordedState => states[moment]?.global ?? {}
    let global = await startGlobal()
    const players = new Map<string, ZonePlayer & { readonly connection: number }>()
    const connect = (zone: string, connection: number): void => {
      const recorded = connections[zone]?.[connection]
      if (recorded === undefined) throw new Error(`${zone} has no connection ${connection}`)
      const joinedFeatures = folder.endsWith('-no-suffix')
      const player = startZonePlayer({ port: global.port, connection: recorded, joinedFeatures })
      players.set(zone, { ...player, connection })
    }
    const play = async (moment: RecordedMoment): Promise<void> => {
      for (const player of players.values()) await player.playUntil(atMs[moment])
    }
    try {
      for (const moment of recordedMoments) {
        await makeOwn(global, stateAt(moment), { mode: 'global', zone: '' })
        if (moment === '1-joined') for (const zone of ['zone-1', 'zone-2']) connect(zone, 0)
        if (moment === '4-zone-2-back') {
          players.get('zone-2')?.stop()
          players.delete('zone-2')
          await play(moment)
          connect('zone-2', 1)
        }
        if (moment === '5-global-back') {
          for (const player of players.values()) player.stop()
          await global.close()
          global = await startGlobal({ database: global.database })
          connect('zone-1', 1)
          connect('zone-2', 2)
        }
        await play(moment)
        const { ours, theirs } = await bothStates(global, stateAt(moment))
        expect(ours).toEqual(theirs)
        expect(theirs.length).toBeGreaterThan(moment === '1-joined' ? 12 : 25)
        for (const [zone, player] of players) {
          expect([player.ended(), player.refusals(), player.dropped()]).toEqual([undefined, [], []])
          const recorded = connections[zone]?.[player.connection]
          const wanted =
            recorded === undefined ? [] : heldText(heldOf(saidBy(recorded.down, 'global', atMs[moment])), folder)
          expect(wanted.length).toBeGreaterThan(9)
          const same = () => JSON.stringify(heldText(player.held(), folder)) === JSON.stringify(wanted)
          await until(`${zone} to hold what it held`, same, 60_000).catch(() => {
            expect({ moment, zone, held: heldText(player.held(), folder) }).toEqual({ moment, zone, held: wanted })
          })
        }
      }
    } finally {
      for (const player of players.values()) player.stop()
      await global.close()
    }
  },
)
