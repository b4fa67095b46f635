import type { JsonObject } from '@holdfast/model'
import { jsonSpec, typeOf } from '@holdfast/model'
import type { HookStore, HookWork, Row } from '@holdfast/store'
import { versionOf } from '@holdfast/store'
import { type HookClient, HookFailure, type HookItem, type HookResult } from '@holdfast/transport'
import pino from 'pino'
import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import { allowedNow, answered, type Breaker, batchMax, newBreaker, pauseMaxMs, unanswered } from './breaker.js'
import { HookCaller } from './caller.js'
import { judge } from './chain.js'
import { contentOfAnswer, reviewedJson } from './content.js'
import { hookMetrics } from './metrics.js'
import { coverOf, covers, type PolicyHook } from './settings.js'

const spec = { selector: { dataplaneTags: { app: 'web' } }, ports: [{ port: 80, targetPort: 80, appProtocol: 'tcp' }] }

function workOf(name: string, more: Partial<Row> = {}): HookWork {
  const labels = {
    'kuma.io/display-name': name,
    'kuma.io/mesh': 'default',
    'kuma.io/zone': 'east',
    'k8s.kuma.io/namespace': 'shop',
  }
  const content = { labels, ...jsonSpec(typeOf('MeshService'), spec) }
  const form = {
    ...content,
    state: 'waiting',
    published: true,
    hook: 'first',
    sinceMs: 0,
    nextTryMs: 0,
    tries: 0,
  } as const
  const row: Row = {
    type: 'MeshService',
    mesh: 'default',
    name,
    ...content,
    origin: 'east',
    exportName: name,
    displayName: name,
    namespace: 'shop',
    audience: 'all',
    revision: 1,
    deleted: false,
    createdAtMs: 0,
    modifiedAtMs: 0,
    statusRevision: 0,
    exposed: true,
    form,
    ...more,
  }
  return { row, authored: content, version: versionOf(content) }
}

const settings = (name: string, more: Partial<PolicyHook> = {}): PolicyHook => ({
  name,
  url: 'http://127.0.0.1:1/',
  timeoutMs: 100,
  failurePolicy: 'hold',
  maxBodyBytes: 1_000_000,
  ...more,
})

type Script = (items: readonly HookItem[]) => readonly HookResult[]

/** A hook that answers what a test says, and a clock that stands. */
class FakeHook {
  readonly calls: (readonly HookItem[])[] = []
  readonly notes: string[] = []
  nowMs = 1_000_000
  script: Script = (items) => items.map(({ id }) => ({ id, outcome: 'allowed' }))
  readonly caller: HookCaller

  constructor(hook: PolicyHook) {
    const client: HookClient = {
      review: async (_, items) => {
        this.calls.push(items)
        return this.script(items)
      },
      close: () => {},
    }
    const store = {
      noteHealth: async ({ answers }: { readonly answers: boolean }) => {
        this.notes.push(answers ? 'answers' : 'away')
        return true
      },
      counts: async () => [],
      health: async () => [],
    } as unknown as HookStore
    this.caller = new HookCaller({
      hook,
      client,
      store,
      log: pino({ level: 'silent' }),
      metrics: hookMetrics(new Registry(), store),
      nowMs: () => this.nowMs,
      signal: new AbortController().signal,
    })
  }

  judge = (works: readonly HookWork[], ...others: readonly FakeHook[]) =>
    judge(
      works,
      [this, ...others].map((one) => one.caller),
      () => this.nowMs,
    )
}

const down = (): never => {
  throw new HookFailure('cannot be reached')
}
const resourceOf = (item: HookItem): JsonObject => item.resource

test('the breaker: one at a time after a failure, twice as many with every success, away after two single ones', () => {
  let breaker: Breaker = newBreaker
  expect(allowedNow(breaker, 0)).toBe(batchMax)
  breaker = unanswered(breaker, 64, 'no', 0)
  expect([allowedNow(breaker, 0), allowedNow(breaker, 300), breaker.away]).toEqual([0, 1, undefined])
  breaker = unanswered(breaker, 1, 'no', 1_000)
  expect(breaker.away).toBeUndefined()
  breaker = unanswered(breaker, 1, 'still no', 2_000)
  expect(breaker.away).toEqual({ sinceMs: 2_000, reason: 'still no' })
  for (let n = 0; n < 100; n++) breaker = unanswered(breaker, 1, 'never', 3_000)
  expect(breaker.closedUntilMs).toBe(3_000 + pauseMaxMs)
  expect(breaker.away?.sinceMs).toBe(2_000)
  breaker = answered(breaker)
  expect([allowedNow(breaker, 3_000), breaker.away]).toEqual([2, undefined])
  for (let n = 0; n < 10; n++) breaker = answered(breaker)
  expect(breaker.limit).toBe(batchMax)
})

test('ISO: a resource that a hook stumbles over is found, and the others go through', async () => {
  const hook = new FakeHook(settings('first'))
  hook.script = (items) => {
    if (items.some(({ resource }) => resource.name === 'poison')) down()
    return items.map(({ id }) => ({ id, outcome: 'allowed' }))
  }
  let waiting = ['a', 'poison', 'b', 'c'].map((name) => workOf(name))
  const published = new Set<string>()
  for (let round = 0; round < 12 && published.size < 3; round++) {
    // Fewest tries first, as they are claimed.
    waiting.sort((x, y) => (x.row.form?.tries ?? 0) - (y.row.form?.tries ?? 0))
    const works = waiting.slice(0, hook.caller.allowed())
    const verdicts = await hook.judge(works)
    for (const [index, { key, judgement }] of verdicts.entries()) {
      if (judgement.kind === 'publish') published.add(key.name)
      const work = works[index]
      if (work?.row.form !== undefined && judgement.kind === 'failed')
        waiting = waiting.map((one) =>
          one === work
            ? workOf(key.name, { form: { ...one.row.form, tries: (one.row.form?.tries ?? 0) + 1 } as Row['form'] })
            : one,
        )
    }
    waiting = waiting.filter(({ row }) => !published.has(row.name))
    hook.nowMs += 3_000
  }
  expect([...published].sort()).toEqual(['a', 'b', 'c'])
  expect(waiting.map(({ row }) => row.name)).toEqual(['poison'])
})

test('a hook that is away is not asked, and that is written down once', async () => {
  const hook = new FakeHook(settings('first'))
  hook.script = down
  for (const name of ['a', 'b', 'c', 'd']) await hook.judge([workOf(name)])
  // Closed at once after each failure: only what comes after the pause is asked about.
  expect(hook.calls).toHaveLength(1)
  hook.nowMs += 5_000
  await hook.judge([workOf('b')])
  expect(hook.notes).toEqual(['away'])
  const [verdict] = await hook.judge([workOf('c')])
  expect(verdict?.judgement).toMatchObject({ kind: 'failed', hook: 'first', reason: 'cannot be reached' })
  expect(hook.calls).toHaveLength(2)
  hook.nowMs += 5_000
  hook.script = (items) => items.map(({ id }) => ({ id, outcome: 'allowed' }))
  await hook.judge([workOf('c')])
  expect(hook.notes).toEqual(['away', 'answers'])
})

test('ignore: what failed among others is tried alone before it goes without; then it does', async () => {
  const hook = new FakeHook(settings('first', { failurePolicy: 'ignore' }))
  hook.script = down
  const together = await hook.judge([workOf('a'), workOf('b')])
  expect(together.map(({ judgement }) => judgement.kind)).toEqual(['failed', 'failed'])
  hook.nowMs += 5_000
  const [alone] = await hook.judge([workOf('a')])
  expect(alone?.judgement).toMatchObject({ kind: 'publish', bypassed: { hook: 'first', reason: 'cannot be reached' } })
})

test('several hooks: in order, each with what the one before has left; the first no ends it', async () => {
  const first = new FakeHook(settings('first'))
  const second = new FakeHook(settings('second'))
  const adding =
    (label: string, value: string): Script =>
    (items) =>
      items.map((item) => {
        const resource = resourceOf(item)
        return {
          id: item.id,
          outcome: 'allowed',
          resource: { ...resource, labels: { ...(resource.labels as object), [label]: value } },
        }
      })
  first.script = adding('x', '1')
  second.script = (items) =>
    items.map(({ id, resource }) =>
      (resource.labels as Record<string, string>).x === '1'
        ? { id, outcome: 'denied', reasons: ['x', 'y'] }
        : { id, outcome: 'allowed' },
    )
  const [verdict] = await first.judge([workOf('a')], second)
  expect(verdict?.judgement).toEqual({ kind: 'refused', hook: 'second', reason: 'x; y' })
  second.script = adding('y', '2')
  const [both] = await first.judge([workOf('a')], second)
  expect(both?.judgement).toMatchObject({ kind: 'publish', content: { labels: { x: '1', y: '2' } } })
  second.script = down
  const [failed] = await first.judge([workOf('a')], second)
  expect(failed?.judgement).toMatchObject({ kind: 'failed', hook: 'second' })
})

const nested = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`)

const lies: readonly (readonly [string, (resource: JsonObject) => unknown, RegExp])[] = [
  [
    'another type',
    (r) => ({ ...r, type: 'MeshTimeout' }),
    /another resource than it was asked about: type "MeshTimeout"/,
  ],
  ['another name', (r) => ({ ...r, name: 'other' }), /another resource .* name "other" instead of "web"/],
  ['another mesh', (r) => ({ ...r, mesh: 'other' }), /another resource .* mesh "other" instead of "default"/],
  ['no mesh', ({ mesh, ...r }) => r, /another resource .* mesh none/],
  ['no object', () => 'web', /no JSON object/],
  ['null', () => null, /no JSON object/],
  [
    'another zone',
    (r) => ({ ...r, labels: { ...(r.labels as object), 'kuma.io/zone': 'west' } }),
    /label kuma.io\/zone/,
  ],
  [
    'another display name',
    (r) => ({ ...r, labels: { ...(r.labels as object), 'kuma.io/display-name': 'x' } }),
    /kuma.io\/display-name/,
  ],
  [
    'another namespace',
    (r) => ({ ...r, labels: { ...(r.labels as object), 'k8s.kuma.io/namespace': 'x' } }),
    /k8s.kuma.io\/namespace/,
  ],
  ['labels without those of the system', (r) => ({ ...r, labels: {} }), /kuma.io\/display-name.*kuma.io\/zone/],
  [
    'an address',
    (r) => ({ ...r, labels: { ...(r.labels as object), 'holdfast.io/vip': '241.0.0.9' } }),
    /holdfast.io\/vip/,
  ],
  ['labels that are none', (r) => ({ ...r, labels: { ...(r.labels as object), x: 1 } }), /no object of texts/],
  [
    'an invalid label',
    (r) => ({ ...r, labels: { ...(r.labels as object), x: 'a b' } }),
    /invalid labels: labels\["x"\]/,
  ],
  ['an invalid spec', (r) => ({ ...r, spec: { ports: [{ port: 'eighty' }] } }), /not valid: .*port/],
  ['no spec', ({ spec: _, ...r }) => r, /not valid: .*spec/],
  ['a spec without end', (r) => ({ ...r, spec: nested(5_000) }), /cannot be read|not valid/],
  ['a spec too deep to be compared', (r) => ({ ...r, spec: nested(200) }), /cannot be read|not valid/],
]

/** What becomes of a resource that a hook answers with this. */
async function judgedAs(change: (resource: JsonObject) => unknown) {
  const hook = new FakeHook(settings('first'))
  hook.script = (items) =>
    items.map((item) => ({ id: item.id, outcome: 'allowed', resource: change(resourceOf(item)) }))
  const [verdict] = await hook.judge([workOf('web')])
  return verdict?.judgement
}
const reasonOf = (judgement: unknown): string => (judgement as { readonly reason?: string } | undefined)?.reason ?? ''

test.each(lies)('a hook that answers %s: contained, with the reason', async (_, change, reason) => {
  const judgement = await judgedAs(change)
  expect([judgement?.kind, reasonOf(judgement)]).toEqual(['failed', expect.stringMatching(reason)])
})

/** What becomes of a resource whose hook says so, alone or after another one. */
async function judgedBy(script: Script, works = 1) {
  const hook = new FakeHook(settings('first'))
  hook.script = script
  const verdicts = await hook.judge(Array.from({ length: works }, (_, at) => workOf(`web-${at}`)))
  return verdicts.at(-1)?.judgement
}

test('why a hook lets nothing through stands in a file that a person has read', async () => {
  const cases: readonly (readonly [what: string, judged: () => Promise<unknown>])[] = [
    ...lies.map(([what, change]) => [what, () => judgedAs(change)] as const),
    ['nothing about it', () => judgedBy(() => [])],
    ['two results', () => judgedBy(([item]) => Array(2).fill({ id: item?.id, outcome: 'allowed' }))],
    ['no, without a reason', () => judgedBy(([item]) => [{ id: item?.id ?? '', outcome: 'denied', reasons: [] }])],
    [
      'no, with reasons',
      () => judgedBy(([item]) => [{ id: item?.id ?? '', outcome: 'denied', reasons: ['no owner', 'no team'] }]),
    ],
    [
      'that it cannot judge',
      () => judgedBy(([item]) => [{ id: item?.id ?? '', outcome: 'failed', reason: 'no such team' }]),
    ],
    ['nothing: it is away', () => judgedBy(down)],
    [
      'what breaks us',
      () =>
        judgedBy(() => {
          throw new TypeError('x is not a function')
        }),
    ],
    ['nothing a moment ago', () => judgedBy(down, 65)],
  ]
  const told: string[] = []
  for (const [what, judged] of cases) {
    const reason = reasonOf(await judged())
    if (reason !== '') told.push(`# ${what}\n${reason}\n`)
    else throw new Error(`${what}: no reason`)
  }
  expect(told.join('\n')).toBeGolden('hooks.txt')
})

test('what is said back as it was keeps its bytes, in whatever order; labels that are left out stay', () => {
  const work = workOf('web')
  const asked = reviewedJson(work, work.authored)
  expect(Object.keys(asked)).toEqual(['type', 'mesh', 'name', 'labels', 'spec'])
  const turned = Object.fromEntries(Object.entries(asked).reverse())
  const { labels: _, ...without } = turned
  for (const answer of [asked, turned, without]) {
    const read = contentOfAnswer(work, work.authored, answer)
    expect(read).toMatchObject({ ok: true, content: { labels: work.authored.labels } })
    expect(read.ok && read.content.spec).toBe(work.authored.spec)
  }
})

test('results that are missing, doubled or of nobody concern their own resource only', async () => {
  const hook = new FakeHook(settings('first'))
  hook.script = () => [
    { id: '0', outcome: 'allowed' },
    { id: '1', outcome: 'allowed' },
    { id: '1', outcome: 'denied', reasons: [] },
    { id: '99', outcome: 'denied', reasons: [] },
  ]
  const verdicts = await hook.judge([workOf('a'), workOf('b'), workOf('c')])
  expect(verdicts.map(({ judgement }) => (judgement.kind === 'failed' ? judgement.reason : judgement.kind))).toEqual([
    'publish',
    'does not judge it: its answer has several results for this resource',
    'does not judge it: its answer leaves this resource out',
  ])
})

test('a call has so many resources and so many bytes at most', async () => {
  const hook = new FakeHook(settings('first'))
  const large = (name: string): HookWork => {
    const work = workOf(name)
    return { ...work, authored: { ...work.authored, labels: { ...work.authored.labels, note: 'x'.repeat(400_000) } } }
  }
  await hook.judge([...Array.from({ length: 70 }, (_, n) => workOf(`s${n}`)), large('l1'), large('l2'), large('l3')])
  expect(hook.calls.map((items) => items.length)).toEqual([64, 8, 1])
})

test('what is covered follows from type and mesh, and never secrets, leases or zones', () => {
  const hook = settings('first', { types: ['MeshService', 'Mesh', 'Secret', 'VipBlock'], meshes: ['shop'] })
  const asked = (type: string, mesh: string, name = 'x') => covers(hook, { type, mesh, name })
  expect([asked('MeshService', 'shop'), asked('MeshService', 'default'), asked('MeshTimeout', 'shop')]).toEqual([
    true,
    false,
    false,
  ])
  expect([asked('Mesh', '', 'shop'), asked('Mesh', '', 'default')]).toEqual([true, false])
  expect([
    asked('Secret', 'shop'),
    asked('VipBlock', ''),
    covers(settings('all'), { type: 'Zone', mesh: '', name: 'x' }),
  ]).toEqual([false, false, false])
  const [a, b] = [settings('a'), settings('b')]
  expect(coverOf([a, b]).fingerprint).not.toBe(coverOf([b, a]).fingerprint)
  expect(coverOf([a]).fingerprint).toBe(coverOf([settings('a', { timeoutMs: 7, failurePolicy: 'ignore' })]).fingerprint)
})
