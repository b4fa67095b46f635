import { describe, expect, test } from 'vitest'
import { apiError, run } from '../testing/run.js'

const k8s = `apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector:
    app: web
  ports:
  - name: http
    port: 80
`
const mesh = 'type: Mesh\nname: demo\n'
const retry = 'type: MeshRetry\nname: r\nspec: {}\n'
const status = { 'GET /_holdfast/status': { mode: 'federated', zone: 'east' } }
const result = (type: string, name: string, outcome: string, more = {}) => ({
  type,
  mesh: 'default',
  name,
  outcome,
  ...more,
})
const applied = (...results: unknown[]) => ({ ...status, 'POST /_apply': { results } })

const items = (ran: { asked: readonly (readonly [string, unknown?])[] }): readonly Record<string, unknown>[] =>
  (ran.asked.at(-1)?.[1] as { items: Record<string, unknown>[] } | undefined)?.items ?? []

describe('input', () => {
  test('files, folders in any depth and standard input, in one request in dependency order', async () => {
    const ran = await run(['apply', '-f', 'all', '-f', 'web.yaml', '-f', '-'], {
      files: {
        'all/b/r.yml': retry,
        'all/a.json': JSON.stringify({ type: 'MeshRetry', mesh: 'demo', name: 's', spec: {} }),
        'all/.hidden.yaml': 'not: [read',
        'all/notes.txt': 'not read',
        'web.yaml': k8s,
      },
      stdin: mesh,
      answers: applied(),
    })
    expect(ran.status).toBe(0)
    expect(items(ran).map((item) => [item.type, item.mesh, item.name])).toEqual([
      ['Mesh', undefined, 'demo'],
      ['MeshService', 'default', 'web'],
      ['MeshRetry', 'demo', 's'],
      ['MeshRetry', 'default', 'r'],
    ])
  })

  test('a federated zone is told that what it is given is its own; others are not', async () => {
    const federated = await run(['apply', '-f', '-'], { stdin: k8s, answers: applied() })
    expect(items(federated)[0]?.labels).toMatchObject({ 'kuma.io/origin': 'zone' })
    const global = await run(['apply', '-f', '-'], {
      stdin: retry,
      answers: { ...applied(), 'GET /_holdfast/status': { mode: 'global' } },
    })
    expect(items(global)).toEqual([{ type: 'MeshRetry', mesh: 'default', name: 'r', spec: {} }])
  })

  test('a resource that says no mesh lives where the command says', async () => {
    const ran = await run(['apply', '-f', '-', '--mesh', 'demo'], { stdin: `${retry}---\n${k8s}`, answers: applied() })
    expect(items(ran).map(({ mesh: where }) => where)).toEqual(['demo', 'demo'])
  })

  test('what get prints can be applied', async () => {
    const list = JSON.stringify({
      total: 1,
      items: [{ type: 'MeshRetry', mesh: 'demo', name: 'r', spec: {} }],
      next: null,
    })
    const ran = await run(['apply', '-f', '-'], { stdin: list, answers: applied() })
    expect(items(ran).map(({ name }) => name)).toEqual(['r'])
  })
})

describe('output', () => {
  const answers = applied(
    result('MeshService', 'web', 'created', { vips: ['241.16.0.1', 'fd00::1'], warnings: ['it has no selector'] }),
    result('MeshService', 'api', 'created', { pending: 'no block yet' }),
    result('MeshTimeout', 'slow', 'updated', { waitsForHook: 'owner' }),
    { type: 'Mesh', name: 'demo', outcome: 'unchanged' },
  )

  test('a line per resource, warnings apart', async () => {
    expect(await run(['apply', '-f', '-'], { stdin: k8s, answers })).toMatchObject({
      status: 0,
      out: [
        'MeshService "web" in mesh "default" created, VIP 241.16.0.1, fd00::1',
        'MeshService "api" in mesh "default" created, no VIP yet: no block yet',
        'MeshTimeout "slow" in mesh "default" updated, zones see it once the policy hook "owner" has let it through',
        'Mesh "demo" unchanged',
        '',
      ].join('\n'),
      err: 'Warning: MeshService "web" in mesh "default": it has no selector\n',
    })
  })

  test('what holds for all of them is said once', async () => {
    const answer = { ...(answers['POST /_apply'] as object), warnings: ['nobody is told of it'] }
    const ran = await run(['apply', '-f', '-'], { stdin: k8s, answers: { ...answers, 'POST /_apply': answer } })
    expect(ran.err).toBe(
      'Warning: nobody is told of it\nWarning: MeshService "web" in mesh "default": it has no selector\n',
    )
  })

  test('what was passed over or left out is said', async () => {
    const udp = k8s.replace('port: 80', 'port: 80\n  - name: dns\n    port: 53\n    protocol: UDP')
    const ran = await run(['apply', '-f', '-'], {
      stdin: `${udp}---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n`,
      answers: applied(),
    })
    expect(ran.status).toBe(0)
    expect(ran.err).toMatch(/^Warning: <stdin>:11:5: .*UDP/)
    expect(ran.err).toContain('skipped 1 Deployment: only Services become MeshServices\n')
  })
})

/** Everything that is wrong with the files is told with its place, and nothing is sent. */
describe('bad input', () => {
  test.each([
    ['invalid YAML', 'type: Mesh\nname: [a\n', /^<stdin>:\d+:\d+: /],
    ['no map at all', '- 1\n', /^<stdin>:1:1: is not an object/],
    ['an unknown type', 'name: x\ntype: Nope\n', /^<stdin>:2:7: unknown type "Nope"/],
    ['neither type nor kind', 'name: x\n', /^<stdin>:1:1: says neither type/],
    ['a bad name', 'type: Mesh\nname: BAD\n', /^<stdin>:2:7: Mesh: name: invalid characters/],
    [
      'port 0',
      'type: MeshService\nname: a\nspec:\n  ports:\n  - port: 0\n',
      /^<stdin>:5:11: MeshService: spec\.ports\[0\]\.port: must be between 1 and 65535$/,
    ],
    [
      'port 70000',
      k8s.replace('port: 80', 'port: 70000'),
      /^<stdin>:10:\d+: Service as MeshService: spec\.ports\[0\]\.port: must be between 1 and 65535$/,
    ],
    [
      'an ExternalName',
      'apiVersion: v1\nkind: Service\nmetadata:\n  name: a\nspec:\n  type: ExternalName\n  externalName: b.example\n',
      /^<stdin>:6:\d+: .*ExternalName/,
    ],
    ['one resource twice', `${mesh}---\n${mesh}`, /^<stdin>:5:7: Mesh "demo" is already defined at <stdin>:1$/],
  ])('%s', async (_, stdin, problem) => {
    const ran = await run(['apply', '-f', '-'], { stdin })
    expect([ran.status, ran.out, ran.asked]).toEqual([1, '', []])
    const [head, ...lines] = ran.err.trimEnd().split('\n')
    expect(head).toMatch(/^Error: \d+ problems?, nothing was done:$/)
    expect(lines[0]).toMatch(problem)
  })

  test('all problems of all files at once', async () => {
    const ran = await run(['apply', '-f', 'x'], {
      files: {
        'x/a.yaml': 'type: MeshService\nname: a\nspec:\n  ports:\n  - port: 0\n  - port: 70000\n',
        'x/b.yaml': 'type: Nope\nname: b\n---\ntype: Mesh\nname: B\n',
      },
    })
    expect(
      ran.err
        .trimEnd()
        .split('\n')
        .map((line) => /^Error[^:]*:[^:]*|^[^:]*:\d+/.exec(line)?.[0]),
    ).toEqual(['Error: 4 problems, nothing was done', 'x/a.yaml:5', 'x/a.yaml:6', 'x/b.yaml:1', 'x/b.yaml:5'])
  })

  test('what the control plane refuses is told with the place in the file', async () => {
    const ran = await run(['apply', '-f', 'web.yaml', '-f', 'mesh.yaml'], {
      files: { 'web.yaml': `type: MeshService\nname: web\nspec:\n  ports:\n  - port: 80\n`, 'mesh.yaml': mesh },
      answers: {
        ...status,
        'POST /_apply': apiError(409, 'Conflict', '241.16.0.1 belongs to api', {
          'items[1].spec.ports[0].port': 'is odd',
          'items[0]': 'cannot be changed here',
          other: 'speaks of none of them',
        }),
      },
    })
    expect(ran).toMatchObject({
      status: 1,
      out: '',
      err: [
        'Error: Conflict (241.16.0.1 belongs to api), nothing was applied:',
        'web.yaml:5:11: MeshService "web": spec.ports[0].port: is odd',
        'mesh.yaml:1:1: Mesh "demo": cannot be changed here',
        '* other: speaks of none of them',
        '',
      ].join('\n'),
    })
  })

  test.each([
    [['apply'], 2, "Error: required option '-f, --file <path>' not specified\nsee 'holdfastctl apply --help'\n"],
    [['apply', '-f', '-', '-f', '-'], 2, 'Error: standard input (-) can be read only once\n'],
    [
      ['apply', '-f', 'nope.yaml', '-f', 'empty'],
      1,
      'Error: cannot read every file\nnope.yaml: no such file or folder\nempty: no .yaml, .yml or .json file in this folder\n',
    ],
    [['apply', '-f', '-'], 1, 'Error: there is nothing to apply in -\n'],
  ])('%j', async (args, code, err) => {
    const ran = await run(args, { files: { 'empty/x.txt': '' } })
    expect([ran.status, ran.err, ran.asked]).toEqual([code, err, []])
  })
})

describe('in batches', () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const stdin = names.map((name) => `type: MeshRetry\nname: ${name}\nspec: {}\n`).join('---\n')
  /** Each request is answered with what it had in it, but for the one that is not. */
  const answering = (exception: { readonly at: number; readonly answer: unknown } | undefined) => {
    let asked = 0
    const sent: string[][] = []
    return {
      sent,
      answers: {
        ...status,
        'POST /_apply': (interrupt: () => void) => {
          const from = 2 * asked++
          if (exception?.at === asked) {
            if (exception.answer !== 'interrupt') return exception.answer
            interrupt()
          }
          return { results: names.slice(from, from + 2).map((name) => result('MeshRetry', name, 'created')) }
        },
      },
    }
  }
  const lines = (count: number): string =>
    names
      .slice(0, count)
      .map((name) => `MeshRetry "${name}" in mesh "default" created\n`)
      .join('')

  test('each is a transaction, in order; the lines of each are written when it is done', async () => {
    const ran = await run(['apply', '-f', '-', '--batch', '2'], { stdin, answers: answering(undefined).answers })
    expect([ran.status, ran.out, ran.err]).toEqual([0, lines(5), ''])
    const sent = ran.asked.flatMap(([, body]) => (body === undefined ? [] : [body as { items: { name: string }[] }]))
    expect(sent.map(({ items: all }) => all.map(({ name }) => name))).toEqual([['a', 'b'], ['c', 'd'], ['e']])
  })

  test('what is refused later has not undone what was applied, and both are said', async () => {
    const answer = apiError(400, 'Could not process a resource', 'Resource is not valid', { 'items[1].spec': 'is odd' })
    const ran = await run(['apply', '-f', '-', '--batch', '2'], {
      stdin,
      answers: answering({ at: 2, answer }).answers,
    })
    expect([ran.status, ran.out]).toEqual([1, lines(2)])
    expect(ran.err).toBe(
      'Error: Could not process a resource (Resource is not valid), 2 were applied in batches before it:\n<stdin>:15:7: MeshRetry "d": spec: is odd\n',
    )
  })

  test('an interruption waits for the batch that was sent, and no other is', async () => {
    const ran = await run(['apply', '-f', '-', '--batch', '2'], {
      stdin,
      answers: answering({ at: 2, answer: 'interrupt' }).answers,
    })
    expect([ran.status, ran.out]).toEqual([1, lines(4)])
  })

  test('more than one transaction takes: what to do is said', async () => {
    const answer = apiError(
      413,
      'Request body is too large',
      'the list has 5 objects, and at most 2 are accepted at once',
    )
    const ran = await run(['apply', '-f', '-'], { stdin, answers: answering({ at: 1, answer }).answers })
    expect([ran.status, ran.out]).toEqual([1, ''])
    expect(ran.err).toContain('nothing was applied; --batch sends them in several transactions')
  })

  test.each(['0', '-1', '1.5', 'many'])('--batch %s is none', async (size) => {
    const ran = await run(['apply', '-f', '-', '--batch', size], { stdin })
    expect([ran.status, ran.asked]).toEqual([2, []])
    expect(ran.err).toContain('It is a whole number of at least 1.')
  })
})

describe('convert kubernetes', () => {
  test('prints resources that can be applied, and talks to nobody', async () => {
    const ran = await run(['convert', 'kubernetes', '-f', '-'], { stdin: `${k8s}---\n${k8s.replaceAll('web', 'api')}` })
    expect([ran.status, ran.err, ran.asked]).toEqual([0, '', []])
    const again = await run(['apply', '-f', '-'], { stdin: ran.out, answers: applied() })
    const direct = await run(['apply', '-f', '-'], {
      stdin: `${k8s}---\n${k8s.replaceAll('web', 'api')}`,
      answers: applied(),
    })
    expect(items(again)).toEqual(items(direct))
    const json = await run(['convert', 'kubernetes', '-f', '-', '-o', 'json'], { stdin: k8s })
    expect(JSON.parse(json.out).total).toBe(1)
  })
})
