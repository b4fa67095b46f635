import type { ResourceContent } from '@holdfast/model'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { serviceKey } from '../conformance/fixtures.js'
import { authoredOf, type HookCover, versionOf } from '../plan/forms.js'
import type { HookWork, Verdict } from '../plan/judged.js'
import { keyText } from '../plan/keys.js'
import type { WritePlan } from '../plan/types.js'
import { claimWork, settleVerdicts, sweepAll } from './hooks.js'
import { eq, type Law, vip1, vip2, vip5 } from './laws.js'
import { allBatches, type Bugs, type Move, World } from './world.js'

// T0 as a property: whatever a hook does and whenever links and machines fail, what is published is what it let
// through last; and when all is well again, everything is there without another change.

const cover: HookCover = {
  names: ['policy'],
  firstHook: ({ type }) => (type === 'MeshService' ? 'policy' : undefined),
  fingerprint: 'policy',
}
const types = ['MeshService']

/** `late`: it answers, and the answer comes after whatever happens next. `drop`: it never does. */
type Mood = 'allow' | 'change' | 'deny' | 'fail' | 'late' | 'drop'
type Step = Move | { readonly move: 'hook'; readonly mood: Mood } | { readonly move: 'answers' }

const zone = fc.constantFrom('east', 'west')
const name = fc.constantFrom('a', 'b', 'c', 'd')
const channel = fc.constantFrom('up', 'down')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ move: fc.constant('put'), zone, name, spec: fc.integer({ min: 0, max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ move: fc.constant('delete'), zone, name }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant('lease'), zone }) },
  { weight: 8, arbitrary: fc.record({ move: fc.constant('sync'), zone, channel, batches: fc.constant(allBatches) }) },
  {
    weight: 2,
    arbitrary: fc.record({ move: fc.constant('torn'), zone, channel, batches: fc.integer({ min: 0, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ move: fc.constant('mesh'), there: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ move: fc.constant('supersede'), zone }) },
  {
    weight: 6,
    arbitrary: fc.record({
      move: fc.constant('hook'),
      mood: fc.constantFrom<Mood[]>('allow', 'change', 'deny', 'fail', 'late', 'drop'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ move: fc.constant('answers') }) },
)

const changed = ({ authored }: HookWork): ResourceContent => ({
  ...authored,
  labels: { ...authored.labels, reviewed: 'yes' },
})

/** A world with a hook in it, and the map of what that hook let through last. */
class HookedWorld {
  readonly world: World
  readonly lastGood = new Map<string, string>()
  readonly #late: Verdict[] = []

  constructor(bugs: Bugs = {}) {
    this.world = new World({ ...bugs, hooks: cover })
    sweepAll(this.world.global, cover, types)
  }

  do(one: Step): void {
    if (one.move === 'hook') this.#ask(one.mood)
    else if (one.move === 'answers') this.#settle(this.#late.splice(0))
    else this.world.do(one)
    this.#forgetDeleted()
  }

  #ask(mood: Mood): void {
    const { global } = this.world
    const works = claimWork(global, {
      hook: 'policy',
      states: ['waiting', 'refused', 'bypassed'],
      limit: 3,
      claimMs: 1_500,
      fingerprint: cover.fingerprint,
    })
    const verdicts = works.map(
      (work): Verdict => ({ key: work.row, version: work.version, judgement: judge(work, mood) }),
    )
    if (mood === 'late') this.#late.push(...verdicts)
    else if (mood !== 'drop') this.#settle(verdicts)
  }

  #settle(verdicts: readonly Verdict[]): void {
    const judged = settleVerdicts(this.world.global, verdicts)
    for (const [index, { key, judgement }] of verdicts.entries())
      if (judged[index] === 'published' && judgement.kind === 'publish')
        this.lastGood.set(keyText(key), versionOf(judgement.content))
  }

  #forgetDeleted(): void {
    for (const [key, row] of this.world.global.image.rows)
      if (row.deleted && row.offeredEntry === undefined) this.lastGood.delete(key)
  }

  /** Time passes, links hold, and the hook lets everything through. */
  calm(): void {
    for (let round = 0; round < 3; round++) {
      for (const zone of ['east', 'west'] as const) this.world.sync(zone, 'up', allBatches)
      // Long enough for what was refused or claimed to be due.
      for (let pass = 0; pass < 40; pass++) this.do({ move: 'lease', zone: 'east' })
      for (let pass = 0; pass < 4; pass++) this.#ask('change')
      for (const zone of ['east', 'west'] as const) this.world.sync(zone, 'down', allBatches)
    }
  }
}

function judge(work: HookWork, mood: Mood): Verdict['judgement'] {
  switch (mood) {
    case 'allow':
      return { kind: 'publish', content: work.authored }
    case 'change':
    case 'late':
    case 'drop':
      return { kind: 'publish', content: changed(work) }
    case 'deny':
      return { kind: 'refused', hook: 'policy', reason: 'no' }
    case 'fail':
      return { kind: 'failed', hook: 'policy', reason: 'UNAVAILABLE', nextTryMs: 0 }
  }
}

/** What anybody may see of a covered resource is what the hook let through last; without that, nobody sees any of it. */
function lkg({ world, lastGood }: HookedWorld): readonly string[] {
  return [...world.global.image.rows.values()].flatMap((row) => {
    if (row.deleted || row.type !== 'MeshService' || row.audience !== 'all') return []
    const good = lastGood.get(keyText(row))
    if (good === versionOf(row)) return []
    return [
      `LKG: ${row.name} is published as ${good === undefined ? 'no hook has seen it' : 'the hook did not let it through'}`,
    ]
  })
}

/** When all is well every service that its zone has is in the other one, as the hook has left it. */
function converged({ world }: HookedWorld): readonly string[] {
  if (world.global.get({ type: 'Mesh', mesh: '', name: 'default' }) === undefined) return []
  return (['east', 'west'] as const).flatMap((zone) => {
    const other = world.zones[zone === 'east' ? 'west' : 'east']
    return ['a', 'b', 'c', 'd'].flatMap((service) => {
      const own = world.zones[zone].get(serviceKey(service))
      if (own === undefined || own.deleted || own.origin !== zone) return []
      if (Buffer.from(own.spec).toString('utf8') === 'not JSON') return []
      const copy = [...other.image.rows.values()].find(
        (row) => row.exportName === own.exportName && row.origin === zone && !row.deleted,
      )
      if (copy === undefined) return [`${service} of ${zone} is missing after calm`]
      // What it let through before all was well may have been let through as it is.
      const wanted = [versionOf(own), versionOf({ ...own, labels: { ...own.labels, reviewed: 'yes' } })]
      return wanted.includes(versionOf(copy)) ? [] : [`${service} of ${zone} is not the last version after calm`]
    })
  })
}

function run(bugs: Bugs, numRuns: number): void {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), (steps) => {
      const hooked = new HookedWorld(bugs)
      const laws: readonly Law[] = [vip1, vip2(), vip5]
      const check = (more: readonly string[]): void => {
        const wrong = [...laws.flatMap((law) => law(hooked.world)), ...more]
        if (wrong.length > 0) throw new Error(wrong.join('; '))
      }
      for (const one of steps) {
        hooked.do(one)
        check(lkg(hooked))
      }
      hooked.calm()
      check([...lkg(hooked), ...converged(hooked), ...eqOfViews(hooked)])
      // RO: once everything is there, another round is read and nothing else.
      const before = hooked.world.stores().map((store) => store.status().head.revision)
      for (const zone of ['east', 'west'] as const)
        for (const channel of ['up', 'down'] as const) hooked.world.sync(zone, channel, allBatches)
      expect(hooked.world.stores().map((store) => store.status().head.revision)).toEqual(before)
    }),
    { seed: 20_261_128, numRuns },
  )
}

/** Towards global a form stands between what is offered and what is kept; every zone has exactly what is published. */
const eqOfViews = ({ world }: HookedWorld): readonly string[] =>
  eq(world).filter((wrong) => !(wrong.includes(' up: ') && wrong.endsWith('has other bytes')))

test('LKG, EQ: T0 as a property: what is published is what the hook let through last, and all is there after calm', () => {
  run({}, 60)
}, 120_000)

const caught = (bugs: Bugs, saying: RegExp): void => {
  let found = ''
  try {
    run(bugs, 150)
  } catch (error) {
    found = `${error} ${error instanceof Error ? error.cause : ''}`
  }
  expect(found).toMatch(saying)
}

/** Forms that are dropped before they are written. */
const withoutForms = (plan: WritePlan): WritePlan => ({ ...plan, forms: [] })

test('LKG notices authored forms that are lost', () => {
  caught({ global: { plan: withoutForms } }, /missing after calm|not the last version|LKG|not in step/)
}, 120_000)

test('LKG notices a store that publishes what waits', () => {
  const publishing = (plan: WritePlan): WritePlan => ({
    ...plan,
    upserts: plan.upserts.map((write) =>
      write.row.audience === 'none' ? { ...write, row: { ...write.row, audience: 'all', exposed: true } } : write,
    ),
  })
  caught({ global: { plan: publishing } }, /LKG: .* no hook has seen it/)
}, 120_000)

test('a form that is settled is not asked about again', () => {
  const hooked = new HookedWorld()
  hooked.do({ move: 'put', zone: 'east', name: 'a', spec: 1 })
  hooked.do({ move: 'sync', zone: 'east', channel: 'up', batches: allBatches })
  hooked.do({ move: 'hook', mood: 'change' })
  const row = [...hooked.world.global.image.rows.values()].find((one) => one.type === 'MeshService')
  expect(row?.form).toMatchObject({ state: 'changed', nextTryMs: undefined, hook: undefined })
  expect(row === undefined ? undefined : authoredOf(row).labels.reviewed).toBeUndefined()
})
