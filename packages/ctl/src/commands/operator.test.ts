import { describe, expect, test } from 'vitest'
import { ago, apiError, run } from '../testing/run.js'

const channel = (name: string, inStep: boolean, more = {}) => ({
  channel: name,
  phase: 'live',
  inStep,
  cursor: { revision: 7 },
  lagSeconds: inStep ? null : 3.5,
  provenEqualAt: ago(4),
  lastError: null,
  ...more,
})
const peer = (name: string, connected: boolean, inStep: boolean) => ({
  peer: name,
  connected,
  since: ago(600),
  refused: 0,
  refusedByPeer: 2,
  held: 0,
  heldByPeer: 0,
  lastError: connected ? null : 'the connection was reset',
  channels: [channel('down', inStep), channel('up', true)],
})

describe('wait', () => {
  const sync = 'GET /_holdfast/sync'
  const find = 'GET /_holdfast/resources?type=MeshService&name=web&mesh=default'
  const web = { type: 'MeshService', mesh: 'default', name: 'web' }

  test('until every peer is in step', async () => {
    let at = 0
    const states = [[], [peer('east', false, false)], [peer('east', true, false)], [peer('east', true, true)]]
    const ran = await run(['wait', '--for=synced'], {
      answers: { [sync]: () => ({ peers: states[at] }) },
      onWait: () => at++,
    })
    expect([ran.status, ran.out, ran.err, ran.asked.length]).toEqual([0, '', '', 4])
  })

  test('no longer than told, and then with what is missing', async () => {
    const peers = [peer('east', true, false), peer('west', false, false)]
    const ran = await run(['wait', '--for=synced', '--timeout', '0s'], { answers: { [sync]: { peers } } })
    expect([ran.status, ran.err]).toEqual([
      1,
      'Error: not synced within 0s: east is behind (down); west is not connected; wait longer with --timeout\n',
    ])
    const west = await run(['wait', '--for=synced', 'east', 'nope', '--timeout', '0s'], {
      answers: { [sync]: { peers } },
    })
    expect([west.status, west.err]).toEqual([2, 'Error: nope: no such peer; there are east, west\n'])
  })

  test('until a service has its address', async () => {
    let at = 0
    const states = [{ items: [] }, { items: [web] }, { items: [{ ...web, status: { vips: [{ ip: '241.16.0.1' }] } }] }]
    const answers = {
      [find]: () => states[at],
      'GET /meshes/default/meshservices/web': apiError(404, 'x', 'Not found'),
    }
    const ran = await run(['wait', '--for=vip', 'meshservice', 'web'], { answers, onWait: () => at++ })
    expect([ran.status, ran.err, at]).toEqual([0, '', 2])
  })

  test('until the zone’s own is gone, whoever else has one of the name', async () => {
    let at = 0
    const of = (zone: string) => ({ ...web, name: `web-${zone}`, labels: { 'kuma.io/zone': zone } })
    const answers = {
      [find]: { items: [of('east'), of('west')] },
      [`${find}&zone=east`]: () => ({ items: at === 1 ? [of('east')] : [] }),
      'GET /_holdfast/status': { mode: 'federated', zone: 'east' },
    }
    const ran = await run(['wait', '--for=deleted', 'meshservice', 'web'], { answers, onWait: () => at++ })
    expect([ran.status, ran.err, at]).toEqual([0, '', 2])
  })

  test('until something is gone; that nobody answers is not that', async () => {
    let at = 0
    const states = [{ items: [web] }, { items: [] }]
    const answers = {
      [find]: () => states[at],
      'GET /meshes/default/meshservices/web': apiError(404, 'x', 'Not found'),
    }
    expect((await run(['wait', '--for=deleted', 'meshservice', 'web'], { answers, onWait: () => at++ })).status).toBe(0)
    const down = await run(['wait', '--for=deleted', 'meshservice', 'web'], { answers: { [find]: new Error('down') } })
    expect([down.status, down.err.includes('cannot reach a control plane')]).toEqual([1, true])
  })

  test.each([
    [['--for=vip'], '--for=vip needs a type and a name, for example: wait --for=vip meshservice web'],
    [['--for=vip', 'mesh', 'x'], 'a Mesh has no virtual IP; services have'],
    [['--for=synced', '--timeout', 'soon'], '--timeout "soon" is no duration such as 30s'],
  ])('%j', async (args, err) => {
    const ran = await run(['wait', ...args], { answers: { [sync]: { peers: [] } } })
    expect([ran.status, ran.err]).toEqual([2, `Error: ${err}\n`])
  })
})

describe('edit', () => {
  const found = {
    type: 'MeshTimeout',
    mesh: 'default',
    name: 't',
    creationTime: ago(90),
    kri: 'kri_mt_default___t_',
    labels: { a: 'b' },
    spec: { to: [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout: '10s' } }] },
  }
  const answers = {
    'GET /_holdfast/resources?type=MeshTimeout&name=t&mesh=default': { items: [found] },
    'GET /meshes/default/meshtimeouts/t': { headers: { etag: '"7"' }, body: found },
    'GET /_holdfast/status': { mode: 'global' },
    'PUT /meshes/default/meshtimeouts/t': { warnings: ['odd'] },
  }
  const edit = (change: (text: string) => string, more = {}) =>
    run(['edit', 'meshtimeout', 't'], {
      answers: { ...answers, ...more },
      edit: change,
      env: { EDITOR: 'ed' },
      sees: ['if-match'],
    })
  const writes = (ran: { asked: readonly (readonly [string, unknown?])[] }) =>
    ran.asked.filter(([request]) => request.startsWith('PUT'))

  test('what was changed is put, if nobody else has changed it', async () => {
    const ran = await edit((text) => text.replace('10s', '20s'))
    expect([ran.status, ran.out, ran.err, ran.written]).toEqual([
      0,
      'MeshTimeout "t" updated\n',
      'Warning: odd\n',
      undefined,
    ])
    const [[request, body] = []] = writes(ran)
    expect(request).toBe('PUT /meshes/default/meshtimeouts/t (if-match: "7")')
    expect(body).toEqual({
      type: 'MeshTimeout',
      mesh: 'default',
      name: 't',
      labels: { a: 'b' },
      spec: { to: [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout: '20s' } }] },
    })
  })

  test('nothing edited, nothing put', async () => {
    const ran = await edit((text) => text)
    expect([ran.status, ran.out, writes(ran)]).toEqual([0, 'nothing was edited, nothing was changed\n', []])
  })

  test('what is wrong stands at the top, and the editor comes again', async () => {
    const seen: string[] = []
    const ran = await edit((text) => {
      seen.push(text)
      return seen.length === 1
        ? text.replace('spec:', 'spec: 3 #')
        : seen.length === 2
          ? text.replace(/spec: 3 #[\s\S]*/, 'spec: {}\n')
          : text
    })
    expect(seen[1]).toMatch(/^# line:\d+:\d+: .*\n# MeshTimeout t of /)
    // Left as it is: nothing of what was written is lost, nor what is wrong with it.
    expect([ran.status, ran.out]).toEqual([1, ''])
    expect(ran.err).toMatch(
      /^Error: line:\d+:\d+: .*\nnothing was changed; what you wrote is in \/tmp\/holdfastctl-kept-t\.yaml\n$/,
    )
    expect(ran.written?.['/tmp/holdfastctl-kept-t.yaml']).toContain('spec: {}')
  })

  test('a name is not edited', async () => {
    let at = 0
    const ran = await edit((text) => (at++ === 0 ? text.replace('name: t', 'name: u') : ''))
    expect([ran.status, ran.out, writes(ran)]).toEqual([1, 'given up, nothing was changed\n', []])
  })

  test('what somebody else has changed meanwhile is not overwritten, and nothing that was written is lost', async () => {
    const ran = await edit((text) => text.replace('10s', '20s'), {
      'PUT /meshes/default/meshtimeouts/t': apiError(412, 'Conflict', 'it is at revision 9'),
    })
    expect(ran.status).toBe(1)
    expect(ran.err).toContain('what you wrote is in /tmp/holdfastctl-kept-t.yaml')
    expect(ran.written?.['/tmp/holdfastctl-kept-t.yaml']).toContain('idleTimeout: 20s')
  })
})

describe('zone describe', () => {
  const answers = (one: unknown) => ({
    'GET /zones/east/_overview': {
      zone: { enabled: true },
      zoneInsight: { subscriptions: [{ version: { kumaCp: { version: '0.1.0' } } }] },
    },
    'GET /_holdfast/sync': { peers: [one] },
    'GET /_holdfast/zones': { items: [{ name: 'east', storeId: 'abc', address: '10.0.0.9:1234', claimant: null }] },
    'GET /_holdfast/vips/blocks': {
      items: [{ cidr: '241.16.0.0/20', kind: 'MeshService', zone: 'east', used: 3, generation: 1 }],
    },
    'GET /_holdfast/holds': { items: [] },
    'GET /meshservices?filter%5Blabels.kuma.io%2Fzone%5D=east&size=1': { total: 3 },
    'GET /_holdfast/dns?zone=east': { enabled: true, hostnames: 6, unserved: 0 },
  })

  test('on one page; 3 unless it is in step', async () => {
    const fine = await run(['zone', 'describe', 'east'], { answers: answers(peer('east', true, true)) })
    expect([fine.status, fine.err]).toEqual([0, ''])
    expect(fine.out).toBeGolden('zone-describe.txt')
    const away = await run(['zone', 'describe', 'east'], {
      answers: {
        ...answers(peer('east', false, false)),
        'GET /_holdfast/dns?zone=east': apiError(503, 'x', 'not connected'),
        'GET /_holdfast/holds': {
          items: [
            { id: 'h1', peer: 'east', zone: 'east', type: 'MeshService', resources: 30, reason: 'all 30 are absent' },
          ],
        },
      },
    })
    expect(away.status).toBe(3)
    expect(away.out).toBeGolden('zone-describe-away.txt')
  })

  test('a zone that there is not', async () => {
    const none = {
      ...answers(peer('east', true, true)),
      'GET /zones/nope/_overview': apiError(404, 'x', 'Not found'),
      'GET /meshservices?filter%5Blabels.kuma.io%2Fzone%5D=nope&size=1': { total: 0 },
    }
    const ran = await run(['zone', 'describe', 'nope'], { answers: none })
    expect([ran.status, ran.err]).toEqual([
      1,
      'Error: there is no zone "nope" at http://127.0.0.1:5681; see those there are with \'holdfastctl zone list\'\n',
    ])
  })
})

describe('inspect', () => {
  const overview = {
    type: 'DataplaneOverview',
    mesh: 'default',
    name: 'web-1-x7',
    labels: { 'kuma.io/display-name': 'web-1', 'kuma.io/zone': 'east' },
    dataplane: {
      networking: { address: '10.0.0.1', inbound: [{ port: 80, state: 'Ready', tags: { 'kuma.io/service': 'web' } }] },
    },
    dataplaneInsight: {
      subscriptions: [
        {
          connectTime: ago(300),
          status: { lastUpdateTime: ago(20), total: { responsesSent: '30', responsesRejected: 1 } },
          version: { kumaDp: { version: '2.14.3' }, envoy: { version: '1.36.2' } },
        },
      ],
      mTLS: {
        certificateExpirationTime: '2026-02-01T00:00:00Z',
        lastCertificateRegeneration: ago(60),
        certificateRegenerations: 2,
        issuedBackend: 'ca',
      },
    },
  }
  const path = 'GET /meshes/default/dataplanes/_overview?size=1000'

  test('dataplanes, in the columns of kumactl', async () => {
    const offline = { ...overview, name: 'web-2', labels: {}, dataplaneInsight: {} }
    const answers = { [path]: { items: [overview, offline], next: null } }
    expect((await run(['inspect', 'dataplanes'], { answers })).out).toBeGolden('inspect-dataplanes.txt')
    expect((await run(['inspect', 'dataplanes', '-o', 'wide'], { answers })).out).toBeGolden(
      'inspect-dataplanes-wide.txt',
    )
  })

  test('by tags, all of which are asked for', async () => {
    const asked = 'GET /dataplanes/_overview?tag=a%3Ab&tag=c%3Ad&gateway=true&size=1000'
    const ran = await run(['inspect', 'dataplanes', '-A', '--tag', 'a=b', '--tag', 'c=d', '--gateway'], {
      answers: { [asked]: { items: [] } },
    })
    expect([ran.status, ran.asked]).toEqual([0, [[asked]]])
  })

  test('one dataplane: its policies, and what its proxy says, as it is', async () => {
    const find = 'GET /_holdfast/resources?type=Dataplane&name=web-1&mesh=default'
    const answers = {
      [find]: { items: [overview] },
      'GET /meshes/default/dataplanes/web-1-x7/policies': {
        items: [{ type: 'dataplane', matchedPolicies: { MeshTimeout: [{ name: 't' }, { name: 'u' }] } }],
      },
      'GET /meshes/default/dataplanes/web-1-x7/clusters': { text: 'cluster::a\n' },
    }
    expect((await run(['inspect', 'dataplane', 'web-1'], { answers })).out).toBeGolden('inspect-dataplane.txt')
    expect((await run(['inspect', 'dataplane', 'web-1', '--type=clusters'], { answers })).out).toBe('cluster::a\n')
  })

  test('one policy: whom it concerns', async () => {
    const of = (name: string, zone: string) => ({
      ...{ type: 'Dataplane', mesh: 'default', name: `${name}-x7` },
      labels: { 'kuma.io/display-name': name, 'kuma.io/zone': zone },
    })
    const answers = {
      'GET /_holdfast/resources?type=MeshTimeout&name=t&mesh=default&zone=east': {
        items: [{ type: 'MeshTimeout', mesh: 'default', name: 't-x7' }],
      },
      'GET /meshes/default/meshtimeouts/t-x7/_resources/dataplanes?size=1000': {
        items: [of('web-1', 'east'), of('api-1', 'west')],
      },
    }
    const { out } = await run(['inspect', 'meshtimeout', 't', '--zone', 'east'], { answers })
    expect(out).toBeGolden('inspect-policy.txt')
  })

  test('what policies come to for one Dataplane: for each inbound, each destination, and by tags as before', async () => {
    const meta = (name: string, labels = {}) => ({ type: 'MeshTimeout', mesh: 'default', name, labels })
    const origin = (...names: readonly string[]) => names.map((name) => ({ resourceMeta: meta(name), ruleIndex: 0 }))
    const http = { inbound: { name: 'http', port: 80, tags: {} } }
    const answers = {
      'GET /_holdfast/resources?type=Dataplane&name=web-1&mesh=default': {
        items: [{ type: 'Dataplane', mesh: 'default', name: 'web-1-x7' }],
      },
      'GET /meshes/default/dataplanes/web-1-x7/_rules': {
        httpMatches: [],
        resource: {},
        rules: [
          {
            type: 'MeshTimeout',
            inboundRules: [
              { ...http, rules: [{ conf: [{ idleTimeout: '3s' }], origin: origin('base') }] },
              {
                inbound: { port: 9, tags: null },
                rules: [
                  {
                    conf: [{ http: { requestTimeout: '1s' } }],
                    match: {
                      spiffeID: { type: 'Prefix', value: 'spiffe://mesh/ns/' },
                      sni: { type: 'Exact', value: 'web' },
                    },
                    origin: origin('few'),
                  },
                  { conf: [{}], origin: origin('base') },
                ],
              },
            ],
            fromRules: [{ ...http, rules: [{ conf: {}, matchers: [], origin: [meta('said above')] }] }],
            toResourceRules: [
              {
                conf: [{ idleTimeout: '2s', http: { requestTimeout: '15s' } }],
                origin: origin('base', 'web', 'web'),
                resourceMeta: { type: 'MeshService', name: 'web-h4', labels: { 'kuma.io/display-name': 'web' } },
                resourceSectionName: 'main',
              },
            ],
            toRules: [{ conf: { idleTimeout: '1h' }, matchers: [], origin: [meta('base')] }],
          },
          {
            type: 'MeshTrafficPermission',
            fromRules: [
              {
                ...http,
                rules: [
                  {
                    conf: { action: 'Deny' },
                    matchers: [
                      { key: 'team', value: 'a', not: true },
                      { key: 'zone', value: 'east', not: false },
                    ],
                    origin: [meta('mtp')],
                  },
                ],
              },
            ],
          },
          { type: 'MeshProxyPatch', proxyRule: { conf: { appendModifications: [{ a: 1 }] }, origin: [meta('patch')] } },
        ],
      },
    }
    const { status, out } = await run(['inspect', 'dataplane', 'web-1', '--type', 'rules'], { answers })
    expect(status).toBe(0)
    expect(out).toBeGolden('inspect-dataplane-rules.txt')
    const json = await run(['inspect', 'dataplane', 'web-1', '--type=rules', '-o', 'json'], { answers })
    expect(JSON.parse(json.out)).toEqual(answers['GET /meshes/default/dataplanes/web-1-x7/_rules'])
  })

  test('a policy, as kumactl says it', async () => {
    const answers = {
      'GET /_holdfast/resources?type=MeshTimeout&name=t&mesh=default': {
        items: [{ type: 'MeshTimeout', mesh: 'default', name: 't' }],
      },
      'GET /meshes/default/meshtimeouts/t/_resources/dataplanes?size=1000': {
        items: [{ type: 'Dataplane', mesh: 'default', name: 'web-1', labels: { 'kuma.io/zone': 'east' } }],
      },
    }
    const ran = await run(['inspect', 'meshtimeout', 't'], { answers })
    expect([ran.status, ran.out]).toEqual([
      0,
      'TYPE        MESH      NAME    ZONE\nDataplane   default   web-1   east\n',
    ])
    const unknown = await run(['inspect', 'frobs', 't'])
    expect([unknown.status, unknown.err.startsWith('Error: unknown TYPE "frobs"; there are')]).toEqual([2, true])
  })

  test('meshes', async () => {
    const items = [
      {
        name: 'default',
        dataplanes: { online: 1, total: 2 },
        services: { total: 3 },
        policies: { MeshTimeout: { total: 2 }, MeshRetry: { total: 1 } },
        resources: { MeshService: { total: 4 }, MeshMultiZoneService: { total: 1 }, Dataplane: { total: 2 } },
      },
      { name: 'old', dataplanes: { total: 2 }, services: { total: 3 }, policies: {}, resources: {} },
    ]
    const ran = await run(['inspect', 'meshes'], { answers: { 'GET /mesh-insights?size=1000': { items } } })
    expect(ran.out).toBeGolden('inspect-meshes.txt')
  })
})

describe('status -w', () => {
  const overview = {
    mode: 'global',
    state: 'ready',
    storeId: 's',
    head: { epoch: 'e', revision: 1 },
    resources: 1,
    refused: 0,
    held: 0,
    pendingVips: 0,
    peers: [],
    blocks: [],
    attention: [],
  }
  const path = 'GET /_holdfast/overview'

  test('a page after the other where there is no screen; a control plane that is away is part of it', async () => {
    let at = 0
    const ran = await run(['status', '-w'], {
      answers: { [path]: () => (at === 1 ? Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) : overview) },
      onWait: (interrupt) => (++at === 3 ? interrupt() : undefined),
    })
    expect([ran.status, ran.err]).toEqual([0, ''])
    expect(ran.out.split('\n\n').filter((page) => page.startsWith('global: ready')).length).toBe(2)
    expect(ran.out).toContain('cannot reach a control plane')
    expect(ran.out).not.toContain('\u001b')
  })

  test('a screen that is renewed, and never higher than the window', async () => {
    const blocks = Array.from({ length: 60 }, (_, n) => ({
      cidr: `241.16.${n}.0/24`,
      kind: 'MeshService',
      used: 0,
      load: 0,
    }))
    const ran = await run(['status', '-w'], {
      answers: { [path]: { ...overview, blocks } },
      terminal: { columns: 80, rows: 20 },
      onWait: (interrupt) => interrupt(),
    })
    expect(ran.out.startsWith('\u001b[H\u001b[2J')).toBe(true)
    expect(ran.out.trimEnd().split('\n').length).toBeLessThan(20)
    expect(ran.out).toContain('more lines: make the window higher')
    expect(ran.out).toContain('nothing waits for a decision')
    // What was above the window is somebody's, and no page of ours.
    expect(ran.out).not.toContain('\u001b[3J')
  })

  test('lines that are longer than the window is wide count as often as they are seen', async () => {
    const reason = 'x'.repeat(100)
    const ran = await run(['status', '-w'], {
      answers: { [path]: { ...overview, state: 'recovering', reasons: Array.from({ length: 9 }, () => reason) } },
      terminal: { columns: 40, rows: 20 },
      onWait: (interrupt) => interrupt(),
    })
    const seen = ran.out.replace('\u001b[H\u001b[2J', '').trimEnd().split('\n')
    expect(seen.reduce((rows, line) => rows + Math.max(1, Math.ceil(line.length / 40)), 0)).toBeLessThan(20)
    expect([seen[0], seen.at(-1)]).toEqual(['global: recovering', 'nothing waits for a decision'])
  })
})
