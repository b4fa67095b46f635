import { describe, expect, test } from 'vitest'
import { apiError, run } from '../testing/run.js'

const global = { 'GET /_holdfast/status': { mode: 'global', zone: null } }
const timeout = (name: string, idle: string, more = '') =>
  `type: MeshTimeout\nmesh: default\nname: ${name}\n${more}spec:\n  to:\n  - targetRef:\n      kind: Mesh\n    default:\n      idleTimeout: ${idle}\n`
const shown = (name: string, idle: string, labels: Record<string, string> = {}) => ({
  type: 'MeshTimeout',
  mesh: 'default',
  name,
  creationTime: '2026-01-01T00:00:00Z',
  modificationTime: '2026-01-01T00:00:00Z',
  labels: { 'kuma.io/mesh': 'default', 'kuma.io/display-name': name, ...labels },
  kri: `kri_mt_default___${name}_`,
  spec: { to: [{ targetRef: { kind: 'Mesh' }, default: { idleTimeout: idle } }] },
})
const at = (name: string) => `GET /meshes/default/meshtimeouts/${name}`
const notFound = apiError(404, 'Could not retrieve a resource', 'Not found')

describe('diff', () => {
  test('new, changed and unchanged: a unified diff, and exit status 3', async () => {
    const ran = await run(['diff', '-f', 'x'], {
      files: {
        'x/a.yaml': timeout('a', '1m0s'),
        'x/b.yaml': timeout('b', '20s', 'labels:\n  team: shop\n'),
        'x/c.yaml': timeout('c', '5s'),
      },
      answers: {
        ...global,
        [at('a')]: notFound,
        [at('b')]: shown('b', '10s', { team: 'web' }),
        [at('c')]: shown('c', '5s'),
      },
    })
    expect([ran.status, ran.err]).toEqual([3, ''])
    expect(ran.out).toBeGolden('diff.txt')
  })

  test('what was read back is no difference, whatever is computed in it', async () => {
    const ran = await run(['diff', '-f', '-'], {
      stdin: JSON.stringify(shown('a', '10s')),
      answers: { ...global, [at('a')]: shown('a', '10s') },
    })
    expect([ran.status, ran.out, ran.err]).toEqual([0, '', ''])
  })

  test('a label that was taken away is a difference', async () => {
    const ran = await run(['diff', '-f', '-', '-o', 'json'], {
      stdin: timeout('a', '10s'),
      answers: { ...global, [at('a')]: shown('a', '10s', { team: 'web' }) },
    })
    expect(ran.status).toBe(3)
    const { results, diff } = JSON.parse(ran.out)
    expect(results).toEqual([{ type: 'MeshTimeout', mesh: 'default', name: 'a', outcome: 'updated' }])
    expect(diff).toContain('-  team: web\n')
  })

  test('many of one type are asked for as a list, and a mesh that is not there has nothing', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']
    const list = 'GET /meshes/default/meshtimeouts?size=1000'
    const stdin = names.map((name) => timeout(name, '10s')).join('---\n')
    const items = names.slice(1).map((name) => shown(name, '10s'))
    const ran = await run(['diff', '-f', '-', '-o', 'json'], { stdin, answers: { ...global, [list]: { items } } })
    expect(ran.asked.map(([request]) => request)).toEqual(['GET /_holdfast/status', list])
    expect(JSON.parse(ran.out).results.filter((each: { outcome: string }) => each.outcome !== 'unchanged')).toEqual([
      { type: 'MeshTimeout', mesh: 'default', name: 'a', outcome: 'created' },
    ])
    const gone = await run(['diff', '-f', '-'], {
      stdin: timeout('a', '10s'),
      answers: { ...global, [at('a')]: apiError(404, 'Failed to retrieve Mesh', 'Not found') },
    })
    expect([gone.status, gone.err]).toEqual([3, ''])
  })
})

describe('apply --prune', () => {
  const lists = { 'GET /meshtimeouts?filter%5Blabels.team%5D=shop&size=1000': { items: [] as unknown[] } }
  const one = ['apply', '-f', '-', '--prune', '-l', 'team=shop', '--prune-type', 'meshtimeout']
  const own = shown('old', '1s', { team: 'shop' })
  const ofZone = shown('z', '1s', { team: 'shop', 'kuma.io/origin': 'zone' })
  const made = shown('m', '1s', { team: 'shop', 'kuma.io/managed-by': 'something' })
  const answers = {
    ...global,
    ...lists,
    'GET /meshtimeouts?filter%5Blabels.team%5D=shop&size=1000': {
      items: [own, ofZone, made, shown('a', '1s', { team: 'shop' })],
    },
    'POST /_apply': { results: [{ type: 'MeshTimeout', mesh: 'default', name: 'a', outcome: 'unchanged' }] },
    'DELETE /meshes/default/meshtimeouts/old': {},
  }

  test('deletes what is selected, is not in the files, and is ours', async () => {
    const ran = await run(one, { stdin: timeout('a', '1s'), answers })
    expect([ran.status, ran.err, ran.out]).toEqual([
      0,
      '',
      'MeshTimeout "a" in mesh "default" unchanged\nMeshTimeout "old" in mesh "default" deleted\n',
    ])
    expect(ran.asked.filter(([request]) => request.startsWith('DELETE'))).toEqual([
      ['DELETE /meshes/default/meshtimeouts/old'],
    ])
  })

  test('deletes nothing where applying fails', async () => {
    const failing = { ...answers, 'POST /_apply': apiError(400, 'Could not process a resource', 'no') }
    const ran = await run(one, { stdin: timeout('a', '1s'), answers: failing })
    expect([ran.status, ran.asked.some(([request]) => request.startsWith('DELETE'))]).toEqual([1, false])
  })

  test('without a type named: no Mesh, no Zone, no secret', async () => {
    const ran = await run(one.slice(0, 6), { stdin: timeout('a', '1s'), answers })
    const listed = ran.asked.map(([request]) => request).filter((request) => request.includes('filter'))
    expect(listed.length).toBeGreaterThan(10)
    expect(listed.filter((request) => /GET \/(meshes|zones|secrets|globalsecrets)\?/.test(request))).toEqual([])
  })

  test.each([
    [['--prune'], '--prune needs --selector: it deletes what has these labels and is not in the files'],
    [['-l', 'a=b'], '--selector is for --prune only'],
    [['--prune', '-l', 'a=='], 'the selector "!a=b" is none; examples: app=web, app!=web, app, !app, app in (web,api)'],
  ])('%j', async (args, err) => {
    const bad = args.map((arg) => (arg === 'a==' ? '!a=b' : arg))
    const ran = await run(['apply', '-f', '-', ...bad], { stdin: timeout('a', '1s'), answers })
    expect([ran.status, ran.err]).toEqual([2, `Error: ${err}\n`])
  })
})

describe('apply --dry-run', () => {
  test('of the client prints what would be sent, and asks nobody', async () => {
    const ran = await run(['apply', '-f', '-', '--dry-run'], { stdin: timeout('a', '10s') })
    expect([ran.status, ran.asked]).toEqual([0, []])
    expect(ran.out).toBe(
      `---\n${timeout('a', '10s').replaceAll('  - targetRef:\n      kind: Mesh\n    default:\n      idle', '    - targetRef:\n        kind: Mesh\n      default:\n        idle')}`,
    )
  })

  const results = [{ type: 'MeshTimeout', mesh: 'default', name: 'a', outcome: 'updated' }]
  const asked = 'POST /_apply?dryRun=true'

  test('of the server says what it would do', async () => {
    const ran = await run(['apply', '-f', '-', '--dry-run=server'], {
      stdin: timeout('a', '10s'),
      answers: { ...global, [asked]: { dryRun: true, results } },
    })
    expect([ran.status, ran.out, ran.err]).toEqual([0, 'MeshTimeout "a" in mesh "default" updated (dry run)\n', ''])
  })

  test('never reaches a server that would apply it: it is asked first, with nothing in it', async () => {
    const ran = await run(['apply', '-f', '-', '--dry-run=server'], {
      stdin: timeout('a', '10s'),
      answers: { ...global, [asked]: { results: [] } },
    })
    expect([ran.status, ran.err]).toEqual([
      1,
      "Error: http://127.0.0.1:5681 has no dry run of its own; 'holdfastctl diff' compares with what it has now, and --dry-run=client checks what can be checked here\n",
    ])
    expect(ran.asked.filter(([request]) => request.startsWith('POST'))).toEqual([[asked, { items: [] }]])
  })

  test('a Kuma is not asked at all', async () => {
    const answers = { 'GET /': { product: 'Kuma', version: '2.14.3' }, 'GET /config': { mode: 'global' } }
    const ran = await run(['apply', '-f', '-', '--dry-run=server'], { stdin: timeout('a', '10s'), answers })
    expect([ran.status, ran.asked.some(([request]) => request.startsWith('POST'))]).toEqual([1, false])
  })
})

describe('templates', () => {
  const template = timeout('{{ name }}', '{{ idle.seconds }}s')

  test('variables are put in, dotted names as parts', async () => {
    const ran = await run(['apply', '-f', 'a.yaml', '--dry-run', '-v', 'name=a', '-v', 'idle.seconds=7'], {
      files: { 'a.yaml': template },
    })
    expect([ran.status, ran.out.includes('name: a\n'), ran.out.includes('idleTimeout: 7s')]).toEqual([0, true, true])
  })

  test('every variable without a value is told with its place, and nothing is done', async () => {
    const ran = await run(['apply', '-f', 'x', '-v', 'name=a'], {
      files: { 'x/a.yaml': template, 'x/b.yaml': `a: {{b}}\n` },
    })
    expect(ran).toEqual({
      status: 1,
      out: '',
      err: [
        'Error: 2 problems, nothing was done:',
        'x/a.yaml:9:20: the template variable idle.seconds has no value; say --var idle.seconds=VALUE',
        'x/b.yaml:1:4: the template variable b has no value; say --var b=VALUE',
        '',
      ].join('\n'),
      asked: [],
    })
  })

  test.each([
    ['noequals', '--var "noequals" is no NAME=VALUE'],
    ['=x', '--var "=x" is no NAME=VALUE'],
  ])('--var %s', async (said, err) => {
    const ran = await run(['apply', '-f', '-', '-v', said], { stdin: template })
    expect([ran.status, ran.err]).toEqual([2, `Error: ${err}\n`])
  })
})

describe('what was read can be applied, whoever owns it', () => {
  const copy = shown('z-x7', '1s', { 'kuma.io/origin': 'zone', 'kuma.io/zone': 'east' })
  const stdin = JSON.stringify({ total: 2, items: [copy, shown('a', '1s')], next: null })
  const answers = {
    ...global,
    [at('z-x7')]: copy,
    [at('a')]: shown('a', '1s'),
    'POST /_apply': { results: [{ type: 'MeshTimeout', mesh: 'default', name: 'a', outcome: 'unchanged' }] },
  }

  test('what a zone owns is not sent where it is the same', async () => {
    const ran = await run(['apply', '-f', '-'], { stdin, answers })
    expect([ran.status, ran.err, ran.out]).toEqual([
      0,
      '',
      'MeshTimeout "z-x7" in mesh "default" unchanged\nMeshTimeout "a" in mesh "default" unchanged\n',
    ])
    const [, sent] = ran.asked.at(-1) ?? []
    expect((sent as { items: { name: string }[] }).items.map(({ name }) => name)).toEqual(['a'])
    expect((await run(['diff', '-f', '-'], { stdin, answers })).status).toBe(0)
  })

  test('where it differs, the control plane has the word', async () => {
    const ran = await run(['apply', '-f', '-'], { stdin: stdin.replace('1s', '2s'), answers })
    const [, sent] = ran.asked.at(-1) ?? []
    expect((sent as { items: { name: string }[] }).items.map(({ name }) => name)).toEqual(['z-x7', 'a'])
  })
})

describe('a Kuma instead of Holdfast', () => {
  const kuma = {
    'GET /': { product: 'Kuma', version: '2.14.3' },
    'GET /config': { mode: 'global' },
  }
  test('takes them one by one, with a line for each, and stops at the first that it refuses', async () => {
    const answers = {
      ...kuma,
      'PUT /meshes/default/meshtimeouts/a': { warnings: ['old'] },
      'PUT /meshes/default/meshtimeouts/b': apiError(400, 'Could not process a resource', 'no'),
    }
    const ran = await run(['apply', '-f', 'x.yaml'], {
      files: { 'x.yaml': ['a', 'b', 'c'].map((name) => timeout(name, '1s')).join('---\n') },
      answers,
    })
    expect([ran.status, ran.out, ran.err]).toEqual([
      1,
      'MeshTimeout "a" in mesh "default" updated\n',
      'Warning: MeshTimeout "a" in mesh "default": old\nError: x.yaml:11:1: MeshTimeout "b": Could not process a resource (no)\n1 of 3 were applied before it\n',
    ])
  })
})

test('a folder with one bad file among a hundred: nothing is sent, and the one is told with its line', async () => {
  const files = Object.fromEntries(
    Array.from({ length: 100 }, (_, n) => [`x/${n}.yaml`, timeout(`t-${n}`, '1s', n === 57 ? 'labels: 3\n' : '')]),
  )
  const ran = await run(['apply', '-f', 'x'], { files, answers: global })
  expect([ran.status, ran.asked]).toEqual([1, []])
  expect(ran.err).toMatch(/^Error: 1 problem, nothing was done:\nx\/57\.yaml:4:9: MeshTimeout: labels/)
})
