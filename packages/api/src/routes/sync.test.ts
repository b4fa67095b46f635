import { encodeReport } from '@holdfast/store'
import { expect, test } from 'vitest'
import type { PeerSync } from '../sync/sync-view.js'
import { startMs } from '../testing/fake-store.js'
import { harness, ok, problem } from '../testing/harness.js'

const at = (ms: number) => new Date(startMs + ms).toISOString()
const cursor = { epoch: 'e'.repeat(32), revision: 7, tag: 'b'.repeat(16) }
const head = { epoch: 'e'.repeat(32), revision: 0, tag: 'a'.repeat(16) }

test('sync: every peer, connected or not, with what its channels have come to', async () => {
  const peer: PeerSync = {
    peer: 'east',
    connected: true,
    extension: true,
    sessionId: 's-1',
    connectedSinceMs: startMs,
    payloadBytesSent: 10,
    payloadBytesReceived: 20,
    bytesToProven: 30,
    channels: [
      {
        channel: 'down',
        role: 'sender',
        phase: 'sending',
        inStep: false,
        cursor,
        provenAtMs: startMs + 30_000,
      },
      { channel: 'up', role: 'receiver', phase: 'in step', inStep: true, lastError: 'refused one' },
    ],
  }
  const { call, store } = harness('global', {
    sync: { peers: () => [peer], askZone: () => Promise.reject(new Error()) },
  })
  store.cursorRows = [
    { peer: 'east', channel: 'down', side: 'acked', cursor: { ...cursor, revision: 6 } },
    { peer: 'west', channel: 'up', side: 'received', cursor, provenAtMs: startMs },
  ]
  store.lagRows = [{ peer: 'east', channel: 'down', type: 'MeshService', changes: 3, sinceMs: startMs + 58_500 }]
  const refused = {
    type: 'MeshService',
    mesh: 'default',
    name: 'x',
    peer: 'west',
    channel: 'up',
    origin: 'west',
    exportName: 'x-1',
    newcomer: true,
  } as const
  store.scrubState = {
    at: { part: 'MeshService', share: 0.25 },
    round: 3,
    rows: 900,
    roundStartedAtMs: startMs,
    findings: [
      {
        subject: 'Mesh "shop" of zone west',
        problem: 'it is not what its origin offered',
        outcome: 'asked',
        sinceMs: startMs,
        lastAtMs: startMs,
      },
    ],
  }
  store.refusedRows = [
    { ...refused, entry: '', reason: 'its VIP is taken', sinceMs: startMs, nextTryMs: startMs + 1_000, tries: 2 },
  ]
  const theirs = { type: 'MeshTimeout', origin: '', reason: 'no', sinceMs: startMs }
  const report = encodeReport({
    refused: [{ ...theirs, mesh: 'default', name: 't', tries: 3, newcomer: false }],
    refusedTotal: 2,
    holds: [{ ...theirs, id: 'h9', resources: 7 }],
  })
  store.reportRows = [{ peer: 'west', ...report, atMs: startMs + 5_000 }]
  store.holdRows = [
    {
      id: 'h1',
      peer: 'west',
      type: 'MeshService',
      origin: 'west',
      reason: '40 of 50 vanished',
      keyCount: 40,
      firstCount: 40,
      returnedCount: 0,
      sinceMs: startMs,
      state: 'held',
    },
    {
      id: 'h0',
      peer: 'west',
      type: 'MeshService',
      origin: 'west',
      reason: 'old',
      keyCount: 12,
      firstCount: 12,
      returnedCount: 0,
      sinceMs: startMs,
      state: 'ended',
    },
  ]
  expect(await call('GET', '/_holdfast/sync')).toEqual(
    ok({
      controlPlane: 'global',
      state: 'ready',
      readOnly: null,
      head,
      scrub: {
        at: { part: 'MeshService', share: 0.25 },
        rounds: 3,
        rows: 900,
        roundStartedAt: new Date(startMs).toISOString(),
        lastRoundEndedAt: null,
        findings: [
          {
            subject: 'Mesh "shop" of zone west',
            problem: 'it is not what its origin offered',
            outcome: 'asked',
            since: new Date(startMs).toISOString(),
            last: new Date(startMs).toISOString(),
          },
        ],
      },
      peers: [
        {
          peer: 'east',
          connected: true,
          sessionId: 's-1',
          kuma: false,
          since: at(0),
          lastError: null,
          paused: null,
          refused: 0,
          held: 0,
          absent: 0,
          refusedByPeer: 0,
          heldByPeer: 0,
          payloadBytesSent: 10,
          payloadBytesReceived: 20,
          bytesToProven: 30,
          channels: [
            {
              channel: 'down',
              role: 'sender',
              phase: 'sending',
              diverged: null,
              inStep: false,
              cursor,
              lagSeconds: 1.5,
              lagByType: [{ type: 'MeshService', changes: 3, seconds: 1.5 }],
              provenEqualAt: at(30_000),
              provenEqualSecondsAgo: 30,
              lastError: null,
            },
            {
              channel: 'up',
              role: 'receiver',
              phase: 'in step',
              diverged: null,
              inStep: true,
              cursor: null,
              lagSeconds: 0,
              lagByType: [],
              provenEqualAt: null,
              provenEqualSecondsAgo: null,
              lastError: 'refused one',
            },
          ],
        },
        {
          peer: 'west',
          connected: false,
          sessionId: null,
          kuma: false,
          since: null,
          lastError: null,
          paused: null,
          refused: 1,
          held: 40,
          absent: 0,
          refusedByPeer: 2,
          heldByPeer: 7,
          payloadBytesSent: null,
          payloadBytesReceived: null,
          channels: [
            {
              channel: 'up',
              role: 'receiver',
              phase: 'not connected',
              diverged: null,
              inStep: false,
              cursor,
              lagSeconds: null,
              lagByType: [],
              provenEqualAt: at(0),
              provenEqualSecondsAgo: 60,
              lastError: null,
            },
          ],
        },
      ],
    }),
  )
  expect((await call('GET', '/_holdfast/refused')).body).toEqual({
    items: [
      {
        peer: 'west',
        type: 'MeshService',
        mesh: 'default',
        name: 'x-1',
        zone: 'west',
        reason: 'its VIP is taken',
        remembered: null,
        tries: 2,
        since: at(0),
        nextTry: at(1_000),
      },
    ],
    byPeers: [
      {
        by: 'west',
        at: at(5_000),
        refusedTotal: 2,
        refused: [
          {
            type: 'MeshTimeout',
            mesh: 'default',
            name: 't',
            zone: null,
            reason: 'no',
            remembered: null,
            tries: 3,
            since: at(0),
            nextTry: null,
            keeps: 'its last good version',
          },
        ],
        holds: [{ id: 'h9', type: 'MeshTimeout', zone: null, resources: 7, reason: 'no', since: at(0) }],
      },
    ],
  })
  const holds = (await call('GET', '/_holdfast/holds')).body as { items: { id: string; resources: number }[] }
  expect(holds.items.map(({ id, resources }) => [id, resources])).toEqual([
    ['h1', 40],
    ['h0', 12],
  ])
})

test('status tells what this control plane is', async () => {
  const { call } = harness('federated')
  expect(await call('GET', '/_holdfast/status')).toEqual(
    ok({
      controlPlane: 'zone-1',
      mode: 'federated',
      zone: 'zone-1',
      version: '2.14.3-preview',
      storeId: 'store-1',
      state: 'ready',
      reasons: [],
      readOnly: null,
      head,
      counts: { resources: [], refused: 0, held: 0, pendingVips: 0 },
      blocks: [
        {
          id: 'east-1',
          kind: 'MeshService',
          cidr: '241.16.0.0/20',
          zone: 'east',
          generation: 1,
          used: 0,
          createdAt: at(0),
        },
      ],
      peers: [],
    }),
  )
})

test('audit, newest first as the store has it', async () => {
  const { call } = harness('global')
  await call('PUT', '/meshes/m1', { type: 'Mesh', name: 'm1' })
  expect(await call('GET', '/_holdfast/audit?size=5')).toEqual(
    ok({ items: [{ at: at(0), actor: 'mesh-system:admin', action: 'apply', subject: '1', detail: {} }] }),
  )
})

test('resources by display name, in one zone or in all', async () => {
  const { call, store } = harness('global')
  const spec = Buffer.from('{}')
  for (const zone of ['east', 'west'])
    store.put({ type: 'MeshRetry', mesh: 'default', name: `r-${zone}`, displayName: 'r', spec, origin: zone })
  store.put({ type: 'MeshRetry', mesh: 'default', name: 'r', spec })
  const names = async (query: string) =>
    ((await call('GET', `/_holdfast/resources?${query}`)).body as { items: { name: string }[] }).items.map(
      (i) => i.name,
    )
  expect(await names('type=mr&name=r')).toEqual(['r', 'r-east', 'r-west'])
  expect(await names('type=meshretries&name=r&zone=west')).toEqual(['r-west'])
  expect(await names('type=meshretry&name=r&zone=global')).toEqual(['r'])
  expect(await names('type=meshretry&name=r&mesh=other')).toEqual([])
  expect(await call('GET', '/_holdfast/resources?type=nope')).toEqual(
    problem(
      400,
      'Could not retrieve resources',
      'Resource is not valid',
      ['type', '"nope" is not a resource type; see /_resources for those there are'],
      ['name', 'say the display name to look for'],
    ),
  )
})
