import { describe, expect, test } from 'vitest'
import { apiError, run } from '../testing/run.js'

const own = '/home/me/.holdfastctl/config'
const holdfast = {
  product: 'Kuma',
  version: '2.14.3-preview.holdfast-9.9.9',
  hostname: 'h',
  clusterId: 'c',
  instanceId: 'i',
}
const index = { 'GET http://global:5681/': holdfast }

describe('config', () => {
  test('add, list, switch, remove: a file that kumactl reads as well', async () => {
    const added = await run(
      ['config', 'control-planes', 'add', '--name', 'prod', '--address', 'http://global:5681', '--headers', 'x-a=b'],
      { answers: index, sees: ['x-a'] },
    )
    expect([added.status, added.out, added.err]).toEqual([
      0,
      'added Control Plane "prod"\nswitched active Control Plane to "prod"\n',
      '',
    ])
    expect(added.asked).toEqual([['GET http://global:5681/ (x-a: b)']])
    const text = added.written?.[own] ?? ''
    expect(text).toBeGolden('config.yaml')

    const files = { [own]: text, '/home/me/.kumactl/config': text.replaceAll('prod', 'old') }
    const listed = await run(['config', 'control-planes', 'list'], { files })
    expect(listed.out).toBeGolden('config-list.txt')
    const twice = await run(
      ['config', 'control-planes', 'add', '--name', 'prod', '--address', 'http://x', '--skip-check'],
      { files },
    )
    expect([twice.status, twice.err]).toEqual([
      1,
      'Error: Control Plane with name "prod" already exists. Use --overwrite to replace an existing one.\n',
    ])
    const switched = await run(['config', 'control-planes', 'switch', '--name', 'old'], { files })
    expect([switched.out, switched.written?.[own]?.includes('currentContext: old')]).toEqual([
      'switched active Control Plane to "old"\n',
      true,
    ])
    const removed = await run(['config', 'control-planes', 'remove', '--name', 'prod'], { files })
    expect([removed.status, removed.written?.[own]]).toEqual([
      0,
      'controlPlanes: []\ncontexts: []\ncurrentContext: ""\n',
    ])
    const both = `${text.replace('contexts:', `  - {name: lab, coordinates: {apiServer: {url: http://lab}}}\ncontexts:\n  - {name: lab, controlPlane: lab}`)}`
    const instead = await run(['config', 'control-planes', 'remove', '--name', 'prod'], { files: { [own]: both } })
    expect(instead.out).toBe('removed Control Plane "prod"\nswitched active Control Plane to "lab"\n')
    const theirs = await run(['config', 'control-planes', 'remove', '--name', 'old'], { files })
    expect([theirs.status, theirs.err, theirs.written]).toEqual([
      1,
      'Error: Control Plane "old" is kumactl\'s, in /home/me/.kumactl/config; remove it with kumactl\n',
      undefined,
    ])
  })

  test('view masks tokens unless asked not to', async () => {
    const files = {
      [own]:
        'controlPlanes: [{name: a, coordinates: {apiServer: {url: "http://a", authType: tokens, authConf: {token: TOKEN}}}}]\n',
    }
    expect((await run(['config', 'view'], { files })).out).not.toContain('TOKEN')
    expect((await run(['config', 'view', '--raw'], { files })).out).toContain('TOKEN')
  })

  const add = (...args: string[]) =>
    run(['config', 'control-planes', 'add', '--name', 'a', ...args], { answers: { 'GET http://page/': { hello: 1 } } })
  test.each([
    [['--address', 'foo'], 2, 'API Server URL is invalid: "foo" is no URL such as http://127.0.0.1:5681'],
    [
      ['--address', 'http://page'],
      1,
      'http://page is no control plane: it does not say its product and version under /; say another address, or --skip-check',
    ],
    [['--address', 'http://x', '--auth-type', 'tokens'], 2, '--auth-conf is not valid: provide token=YOUR_TOKEN'],
    [['--address', 'http://x', '--auth-type', 'basic'], 2, '--auth-type "basic" is not known; there is tokens'],
    [['--address', 'http://x', '--client-cert-file', 'c'], 2, '--client-cert-file and --client-key-file go together'],
    [['--address', 'http://x', '--skip-check', '--no-config'], 2, '--no-config leaves no configuration to write to'],
    [['--address', 'http://x', '--headers', 'a'], 2, '--headers "a" is no NAME=VALUE'],
  ])('add %j', async (args, status, err) => {
    const ran = await add(...args)
    expect([ran.status, ran.err, ran.written]).toEqual([status, `Error: ${err}\n`, undefined])
  })

  test.each(['remove', 'switch'])('%s of what is not there', async (verb) => {
    const ran = await run(['config', 'control-planes', verb, '--name', 'x'])
    expect([ran.status, ran.err]).toEqual([
      1,
      `Error: there is no Control Plane with name "x"; see those there are with 'holdfastctl config control-planes list'\n`,
    ])
  })
})

describe('version', () => {
  test('of both, and a word where they differ', async () => {
    const same = await run(['version'], { answers: { 'GET /': holdfast } })
    expect([same.status, same.err, same.out]).toEqual([
      0,
      '',
      'Client: Holdfast 9.9.9\nServer: Holdfast 9.9.9 (speaks as Kuma 2.14.3)\n',
    ])
    const older = await run(['version'], {
      answers: { 'GET /': { ...holdfast, version: '2.14.3-preview.holdfast-9.8.0' } },
    })
    expect(older.err).toContain('the control plane is Holdfast 9.8.0')
    const kuma = await run(['version'], { answers: { 'GET /': { product: 'Kuma', version: '2.14.3' } } })
    expect([kuma.out, kuma.err]).toEqual(['Client: Holdfast 9.9.9\nServer: Kuma 2.14.3\n', ''])
  })

  test('nobody there is said, and no error', async () => {
    const ran = await run(['version'], {
      answers: { 'GET /': Object.assign(new Error('x'), { code: 'ECONNREFUSED' }) },
    })
    expect([ran.status, ran.out, ran.err.startsWith('Unable to connect to control plane: cannot reach')]).toEqual([
      0,
      'Client: Holdfast 9.9.9\n',
      true,
    ])
  })
})

describe('completion', () => {
  const complete = async (line: string, answers = {}) => {
    const ran = await run(['__complete', '--', ...line.split(' ')], { answers, onWait: () => new Promise(() => {}) })
    expect([ran.status, ran.err]).toEqual([0, ''])
    return ran.out
      .split('\n')
      .map((each) => each.split('\t')[0] ?? '')
      .filter((each) => each !== '')
  }
  const list = (...names: string[]) => ({ items: names.map((name) => ({ name })), next: null })

  test.each([
    ['ap', ['apply']],
    ['config ', ['control-planes', 'view']],
    ['config control-planes s', ['switch']],
    ['vip ver', ['verify']],
    ['--url http://x vip ver', ['verify']],
    ['get meshtim', ['meshtimeouts']],
    ['get --sel', ['--selector']],
    ['apply -f ', [':files']],
    ['apply -f some/fi', [':files']],
    ['apply --dry-run ', ['client', 'server']],
    ['completion ', ['bash', 'zsh', 'fish']],
    ['nope ', []],
  ])('%s', async (line, words) => {
    expect((await complete(line)).sort()).toEqual([...words].sort())
  })

  test('names of resources, zones, meshes and holds are asked for', async () => {
    expect(
      await complete('get meshtimeouts a', {
        'GET /meshes/default/meshtimeouts?size=1000': list('aa', 'aa', 'ab', 'b'),
      }),
    ).toEqual(['aa', 'ab'])
    expect(
      await complete('delete meshtimeout -m demo ', { 'GET /meshes/demo/meshtimeouts?size=1000': list('x') }),
    ).toEqual(['x'])
    expect(await complete('zone adopt ', { 'GET /zones?size=1000': list('east') })).toEqual(['east'])
    expect(await complete('get meshservices --zone ', { 'GET /zones?size=1000': list('east') })).toEqual(['east'])
    expect(await complete('get meshservices -m ', { 'GET /meshes?size=1000': list('default') })).toEqual(['default'])
    expect(
      await complete('hold show ', {
        'GET /_holdfast/holds?size=1000': { items: [{ id: '8f', type: 'MeshService' }] },
      }),
    ).toEqual(['8f'])
  })

  test('offers nothing, and says nothing, where nobody answers', async () => {
    expect(
      await complete('get meshtimeouts ', { 'GET /meshes/default/meshtimeouts?size=1000': new Error('down') }),
    ).toEqual([])
  })

  test.each(['bash', 'zsh', 'fish'])('a script for %s', async (shell) => {
    expect((await run(['completion', shell])).out).toContain('holdfastctl __complete --')
  })

  test('no other shell', async () => {
    const ran = await run(['completion', 'tcsh'])
    expect([ran.status, ran.err]).toEqual([
      2,
      'Error: there is no completion for "tcsh"; there are bash, zsh and fish\n',
    ])
  })
})

describe('export', () => {
  const resources = [
    { name: 'GlobalSecret', path: 'global-secrets', includeInFederation: true },
    { name: 'Mesh', path: 'meshes', includeInFederation: true },
    { name: 'MeshTimeout', path: 'meshtimeouts', includeInFederation: true, policy: { isTargetRef: true } },
    { name: 'Secret', path: 'secrets', includeInFederation: true },
    { name: 'Dataplane', path: 'dataplanes', includeInFederation: false },
    { name: 'NewThing', path: 'newthings', includeInFederation: true },
  ]
  const list = (...items: unknown[]) => ({ items, next: null })
  const mesh = {
    type: 'Mesh',
    name: 'demo',
    mtls: { enabledBackend: 'ca', backends: [{ name: 'ca', type: 'builtin' }] },
  }
  const labels = { 'kuma.io/origin': 'zone', a: 'b' }
  const answers = {
    'GET /': holdfast,
    'GET /_resources': { resources },
    'GET /meshes?size=1000': list(mesh),
    'GET /global-secrets?size=1000': list(
      { type: 'GlobalSecret', name: 'user-token-signing-key-1', data: 'eA==' },
      { type: 'GlobalSecret', name: 'inter-cp-ca', data: 'eA==' },
      { type: 'GlobalSecret', name: 'holdfast-authority-1', data: 'eA==' },
      { type: 'GlobalSecret', name: 'holdfast-authority-signing', data: 'eA==' },
      { type: 'GlobalSecret', name: 'mine', data: 'eA==' },
    ),
    'GET /globalsecrets?size=1000': list(),
    'GET /meshes/demo/secrets?size=1000': list({ type: 'Secret', mesh: 'demo', name: 's', data: 'eA==' }),
    'GET /meshes/demo/meshtimeouts?size=1000': list({ type: 'MeshTimeout', mesh: 'demo', name: 't', labels, spec: {} }),
    'GET /meshes/demo/dataplanes?size=1000': list({ type: 'Dataplane', mesh: 'demo', name: 'd' }),
  }

  test.each([
    ['federation', ['Mesh/demo', 'Secret/s', 'GlobalSecret/mine', 'GlobalSecret/user-token-signing-key-1']],
    [
      'federation-with-policies',
      ['Mesh/demo', 'Secret/s', 'MeshTimeout/t', 'GlobalSecret/mine', 'GlobalSecret/user-token-signing-key-1'],
    ],
    ['all', ['Mesh/demo', 'MeshTimeout/t', 'Dataplane/d']],
    ['no-dataplanes', ['Mesh/demo', 'MeshTimeout/t']],
    [
      'all -a',
      [
        'Mesh/demo',
        'Secret/s',
        'MeshTimeout/t',
        'Dataplane/d',
        'GlobalSecret/mine',
        'GlobalSecret/user-token-signing-key-1',
      ],
    ],
  ])(
    '%s: in the order in which it can be applied, without the authorities of this installation',
    async (profile, names) => {
      const ran = await run(['export', '-p', ...profile.split(' ')], { answers })
      expect([ran.status, ran.err]).toEqual([
        0,
        'Warning: not exported, for holdfastctl does not know them: NewThing\n',
      ])
      const found = [...ran.out.matchAll(/^type: (\w+)$[\s\S]*?^name: (\S+)$/gm)].map(
        ([, type, name]) => `${type}/${name}`,
      )
      expect(found).toEqual(names)
    },
  )

  test('a federation export is for a global: no origin, no builtin authority, no policies of its own making', async () => {
    expect((await run(['export', '-p', 'federation-with-policies'], { answers })).out).toBeGolden('export.yaml')
  })

  test('what may not be read ends it', async () => {
    const denied = apiError(403, 'Access Denied', 'user "x" cannot access the resource of type "Secret"')
    const ran = await run(['export'], { answers: { ...answers, 'GET /meshes/demo/secrets?size=1000': denied } })
    expect([ran.status, ran.err.includes('Access Denied')]).toEqual([1, true])
  })
})
