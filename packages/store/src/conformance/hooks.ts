import { digestEquals, utf8 } from '@holdfast/model'
import { expect, test } from 'vitest'
import { type HookCover, noHooks, versionOf } from '../plan/forms.js'
import type { HookWork, Verdict } from '../plan/judged.js'
import { reportOf } from '../report.js'
import { deleteOf, type OpenStore, offerOf, putMesh, removalOf, Subject, service, someEpoch } from './fixtures.js'

const fromEast = { channel: 'up', peer: 'east' } as const
const toWest = { channel: 'down', peer: 'west' } as const

/** One hook for services and meshes; another set of hooks has another fingerprint. */
const cover: HookCover = {
  names: ['policy'],
  firstHook: ({ type, name }) =>
    type === 'MeshService' || (type === 'Mesh' && name === 'guarded') ? 'policy' : undefined,
  fingerprint: 'one',
}
const types = ['MeshService', 'Mesh']
const claim = { hook: 'policy', states: ['waiting', 'refused', 'bypassed'], limit: 100, claimMs: 10_000 } as const

const labelled = ({ authored }: HookWork, value: string) => ({
  ...authored,
  labels: { ...authored.labels, reviewed: value },
})

const publish = (work: HookWork, content = work.authored): Verdict => ({
  key: work.row,
  version: work.version,
  judgement: { kind: 'publish', content },
})

const failed = (work: HookWork, nextTryMs: number): Verdict => ({
  key: work.row,
  version: work.version,
  judgement: { kind: 'failed', hook: 'policy', reason: 'UNAVAILABLE', nextTryMs },
})

/** What a policy hook holds back, lets through and changes. */
export function hookConformance(open: OpenStore): void {
  const hooked: OpenStore = (setting) => open({ ...setting, hooks: cover })
  const ready = async () => {
    const global = await Subject.ready(hooked, 'global')
    await sweepAll(global)
    return global
  }
  const sweepAll = async (global: Subject, by = cover): Promise<void> => {
    while ((await global.store.hooks.sweep(by, types, 2)).more);
  }
  const claimAll = (global: Subject, by = cover): Promise<readonly HookWork[]> =>
    global.store.hooks.claim({ ...claim, fingerprint: by.fingerprint })
  /** Names that west sees, each with its port and the hook's label. */
  const seen = async (global: Subject): Promise<readonly string[]> => {
    const { offers } = await global.channel(toWest).perform({ op: 'list', resourceType: 'MeshService' })
    const lines = offers.map(({ resource }) => {
      const port = /"port":(\d+)/.exec(Buffer.from(resource.spec).toString())?.[1]
      return [resource.labels['kuma.io/display-name'], port, resource.labels.reviewed].filter(Boolean).join(' ')
    })
    return lines.sort()
  }
  const web = (port: number) => service({ name: 'web', zone: 'east', port })

  test('LKG: what waits for a hook stays published as it was, in step with what its zone offers', async () => {
    await using global = await ready()
    const up = global.channel(fromEast)
    await up.apply({ type: 'MeshService', offers: [offerOf(web(80))] })
    expect(await seen(global)).toEqual([])
    expect((await up.perform({ op: 'standing' })).offered.count).toBe(1)
    const [first] = await claimAll(global)
    if (first === undefined) throw new Error('nothing was claimed')
    expect(await claimAll(global)).toEqual([])
    expect(await global.store.hooks.settle([publish(first)])).toEqual(['published'])
    expect(await seen(global)).toEqual(['web 80'])
    expect((await global.store.read.get(web(80)))?.form).toBeUndefined()

    const revision = await global.revision()
    const batch = await up.apply({
      type: 'MeshService',
      offers: [offerOf(web(81)), offerOf(service({ name: 'api', zone: 'east' }))],
    })
    expect(batch.refused).toEqual([])
    global.pass(1_000)
    const works = await claimAll(global)
    expect(await global.store.hooks.settle(works.map((work) => failed(work, global.nowMs + 5_000)))).toEqual([
      'waiting',
      'waiting',
    ])
    expect(await seen(global)).toEqual(['web 80'])
    expect((await global.store.read.get(web(80)))?.form).toMatchObject({
      state: 'waiting',
      published: true,
      reason: 'UNAVAILABLE',
      sinceMs: global.nowMs - 1_000,
    })
    // Only the newcomer took a place in the log, and only to be kept.
    expect(await global.revision()).toBe(revision + 1)
    // The same again, as a plain Kuma zone says it with every connection: nothing is written (RO).
    const again = await up.apply({ type: 'MeshService', offers: [offerOf(web(81))] })
    expect(again.writtenRows).toBe(0)
    expect(await claimAll(global)).toEqual([])
    // A clock that was an hour ahead when the hook failed: nobody waits for an hour (T0).
    const hourMs = 3_600_000
    global.pass(-hourMs)
    const behind = await claimAll(global)
    expect(behind).toHaveLength(2)
    global.pass(hourMs)
    await global.store.hooks.settle(behind.map((work) => failed(work, global.nowMs + 5_000)))
    expect(await claimAll(global)).toEqual([])
    global.pass(5_000)
    const later = await claimAll(global)
    await global.store.hooks.settle(later.map((work) => publish(work, labelled(work, 'yes'))))
    expect(await seen(global)).toEqual(['api 80 yes', 'web 81 yes'])
    // EQ: what the zone offers is what is remembered of it, whatever is published.
    const standing = await up.perform({ op: 'standing' })
    const entries = await up.perform({ op: 'offered-entries', resourceType: 'MeshService', buckets: [] })
    expect(standing.offered.count).toBe(2)
    expect(entries).toHaveLength(2)
    const untouched = await global.revision()
    expect((await up.apply({ type: 'MeshService', offers: [offerOf(web(81))] })).writtenRows).toBe(0)
    expect(await global.revision()).toBe(untouched)
    expect(await claimAll(global)).toEqual([])
  })

  test('LKG: what a hook refuses stays as it was with its reason, and is shown to it again later', async () => {
    await using global = await ready()
    const up = global.channel(fromEast)
    await up.apply({ type: 'MeshService', offers: [offerOf(web(80))] })
    await global.store.hooks.settle((await claimAll(global)).map((work) => publish(work)))
    await up.apply({ type: 'MeshService', offers: [offerOf(web(81))] })
    const [work] = await claimAll(global)
    if (work === undefined) throw new Error('nothing was claimed')
    const no = { kind: 'refused', hook: 'policy', reason: 'port 81 is not allowed' } as const
    expect(await global.store.hooks.settle([{ key: work.row, version: work.version, judgement: no }])).toEqual([
      'refused',
    ])
    expect(await seen(global)).toEqual(['web 80'])
    expect(await global.store.hooks.open(10)).toMatchObject([{ form: { state: 'refused', reason: no.reason } }])
    // Its zone is told as of any other refusal.
    const { unpublished } = await global.store.guards.exceptions(10)
    expect(reportOf([], 0, [], unpublished)).toMatchObject({
      refusedTotal: 1,
      refused: [{ origin: 'east', reason: 'policy hook "policy" refuses it: port 81 is not allowed' }],
    })
    expect(await global.store.hooks.counts()).toMatchObject([
      { type: 'MeshService', hook: 'policy', state: 'refused', count: 1 },
    ])
    global.pass(29_000)
    expect(await claimAll(global)).toEqual([])
    global.pass(2_000)
    expect(await claimAll(global)).toHaveLength(1)
  })

  test('an answer about an older version, or about what is gone, has no effect', async () => {
    await using global = await ready()
    const up = global.channel(fromEast)
    await up.apply({ type: 'MeshService', offers: [offerOf(web(80))] })
    const [old] = await claimAll(global)
    if (old === undefined) throw new Error('nothing was claimed')
    await up.apply({ type: 'MeshService', offers: [offerOf(web(81))] })
    expect(await global.store.hooks.settle([publish(old)])).toEqual(['outdated'])
    expect(await seen(global)).toEqual([])
    // The newer one is due at once.
    const [work] = await claimAll(global)
    expect(work?.version).toBe(versionOf(web(81)))
    await up.apply({ type: 'MeshService', offers: [], removals: [removalOf(web(81), global.nowMs)] })
    expect(await global.store.hooks.settle(work === undefined ? [] : [publish(work)])).toEqual(['outdated'])
    expect(await global.store.hooks.open(10)).toEqual([])
  })

  test('ORDER: a removal is never held by a hook', async () => {
    await using global = await ready()
    const up = global.channel(fromEast)
    await up.apply({ type: 'MeshService', offers: [offerOf(web(80))] })
    await global.store.hooks.settle((await claimAll(global)).map((work) => publish(work)))
    await up.apply({ type: 'MeshService', offers: [offerOf(web(81))] })
    await up.apply({ type: 'MeshService', offers: [], removals: [removalOf(web(81), global.nowMs)] })
    expect(await seen(global)).toEqual([])
    expect(await claimAll(global)).toEqual([])
  })

  test('VIP-2: addresses are no business of a hook: they change at once, and no answer changes them', async () => {
    await using global = await ready()
    const up = global.channel(fromEast)
    const vips = { addresses: ['241.16.0.5'], generation: 0 }
    const offered = service({ name: 'web', zone: 'east', vips })
    await up.apply({ type: 'MeshService', offers: [offerOf(offered)] })
    await global.store.hooks.settle((await claimAll(global)).map((work) => publish(work, labelled(work, 'yes'))))
    expect((await global.store.read.get(offered))?.vips).toEqual(vips)
    const replaced = { addresses: ['241.16.0.6'], generation: 1 }
    await up.apply({
      type: 'MeshService',
      offers: [offerOf(service({ name: 'web', zone: 'east', port: 81, vips: replaced }))],
    })
    expect(await seen(global)).toEqual(['web 80 yes'])
    const { offers } = await global.channel(toWest).perform({ op: 'list', resourceType: 'MeshService' })
    expect(offers[0]?.resource.vips).toEqual(replaced)
    expect(await global.store.vip.verifyLocal()).toEqual([])
  })

  test('what a hook may not change, and what is not valid, is not published', async () => {
    await using global = await ready()
    const up = global.channel(fromEast)
    await up.apply({ type: 'MeshService', offers: [offerOf(web(80))] })
    for (const [content, reason] of [
      [
        (work: HookWork) => ({ ...work.authored, labels: { ...work.authored.labels, 'kuma.io/zone': 'west' } }),
        /kuma.io\/zone/,
      ],
      [
        (work: HookWork) => ({ ...work.authored, labels: { ...work.authored.labels, 'kuma.io/display-name': 'x' } }),
        /display-name/,
      ],
      [(work: HookWork) => ({ ...work.authored, spec: utf8('[]') }), /not valid/],
    ] as const) {
      const [work] = await claimAll(global)
      if (work === undefined) throw new Error('nothing was claimed')
      expect(await global.store.hooks.settle([publish(work, content(work))])).toEqual(['refused'])
      expect((await global.store.read.get(web(80)))?.form?.reason).toMatch(reason)
      global.pass(4_000_000)
    }
    expect(await seen(global)).toEqual([])
  })

  test('a hook that may be done without: published without it, and replaced when it answers', async () => {
    await using global = await ready()
    await global.channel(fromEast).apply({ type: 'MeshService', offers: [offerOf(web(80))] })
    const [work] = await claimAll(global)
    if (work === undefined) throw new Error('nothing was claimed')
    const bypassed = { hook: 'policy', reason: 'UNAVAILABLE', nextTryMs: global.nowMs + 60_000 }
    await global.store.hooks.settle([
      { key: work.row, version: work.version, judgement: { kind: 'publish', content: work.authored, bypassed } },
    ])
    expect(await seen(global)).toEqual(['web 80'])
    expect(await global.store.hooks.counts()).toMatchObject([{ state: 'bypassed', count: 1 }])
    expect(await global.store.hooks.noteHealth({ hook: 'policy', answers: false, sinceMs: global.nowMs })).toBe(true)
    expect(await global.store.hooks.noteHealth({ hook: 'policy', answers: false, sinceMs: global.nowMs })).toBe(false)
    expect(await claimAll(global)).toEqual([])
    // It answers again: everything that waits is due, whatever its back-off.
    expect(await global.store.hooks.noteHealth({ hook: 'policy', answers: true, sinceMs: global.nowMs })).toBe(true)
    const again = await claimAll(global)
    await global.store.hooks.settle(again.map((one) => publish(one, labelled(one, 'yes'))))
    expect(await seen(global)).toEqual(['web 80 yes'])
    expect(await global.store.hooks.open(10)).toEqual([])
  })

  test('ORDER: a mesh that waits keeps back what lives in it, and both come together', async () => {
    await using global = await ready()
    const up = global.channel(fromEast)
    await global.apply(putMesh('guarded'))
    await up.apply({ type: 'MeshService', offers: [offerOf(service({ name: 'web', zone: 'east', mesh: 'guarded' }))] })
    const works = await claimAll(global)
    expect(works.map(({ row }) => row.type)).toEqual(['Mesh', 'MeshService'])
    await global.store.hooks.settle(works.slice(1).map((work) => publish(work)))
    expect(await seen(global)).toEqual([])
    await global.store.hooks.settle(works.slice(0, 1).map((work) => publish(work)))
    expect(await seen(global)).toEqual(['web 80'])
    // A mesh that goes takes what was changed by the hook with it, and brings it back.
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'guarded' }))
    expect(await seen(global)).toEqual([])
    await global.apply(putMesh('guarded'))
    await global.store.hooks.settle((await claimAll(global)).map((work) => publish(work)))
    expect(await seen(global)).toEqual(['web 80'])
  })

  test('a mesh that goes and comes back brings back what a hook has changed, as its zone still offers it', async () => {
    await using global = await ready()
    const up = global.channel(fromEast)
    await up.apply({ type: 'MeshService', offers: [offerOf(web(80))] })
    await global.store.hooks.settle((await claimAll(global)).map((work) => publish(work, labelled(work, 'yes'))))
    const { offered } = await up.perform({ op: 'standing' })
    await global.apply(deleteOf({ type: 'Mesh', mesh: '', name: 'default' }))
    expect(await seen(global)).toEqual([])
    expect(digestEquals((await up.perform({ op: 'standing' })).offered, offered)).toBe(true)
    await global.apply(putMesh('default'))
    expect(await seen(global)).toEqual(['web 80 yes'])
    expect(digestEquals((await up.perform({ op: 'standing' })).offered, offered)).toBe(true)
  })

  test('what the author writes is what is compared: the same again changes nothing, and an owner reads its own', async () => {
    await using global = await ready()
    const [created] = await global.apply(putMesh('guarded'))
    expect(created).toMatchObject({ outcome: 'created' })
    await global.store.hooks.settle((await claimAll(global)).map((work) => publish(work, labelled(work, 'yes'))))
    expect(await global.apply(putMesh('guarded'))).toMatchObject([{ outcome: 'unchanged' }])
    expect((await global.store.read.get({ type: 'Mesh', mesh: '', name: 'guarded' }))?.form).toMatchObject({
      state: 'changed',
      labels: {},
    })
    expect(await claimAll(global)).toEqual([])
  })

  test('other hooks: everything is judged anew while it stays published; without any it is as authored', async () => {
    await using global = await ready()
    const up = global.channel(fromEast)
    await up.apply({
      type: 'MeshService',
      offers: [1, 2, 3].map((n) => offerOf(service({ name: `s${n}`, zone: 'east' }))),
    })
    await global.store.hooks.settle((await claimAll(global)).map((work) => publish(work, labelled(work, 'one'))))
    const other: HookCover = { ...cover, fingerprint: 'two' }
    await sweepAll(global, other)
    await sweepAll(global, other)
    expect(await seen(global)).toEqual(['s1 80 one', 's2 80 one', 's3 80 one'])
    // Whoever still has the old hooks judges nothing any more.
    expect(await claimAll(global)).toEqual([])
    const works = await claimAll(global, other)
    await global.store.hooks.settle(works.map((work) => publish(work, labelled(work, 'two'))))
    expect(await seen(global)).toEqual(['s1 80 two', 's2 80 two', 's3 80 two'])
    const none: HookCover = { names: [], firstHook: () => undefined, fingerprint: noHooks }
    while ((await global.store.hooks.sweep(none, [], 2)).more);
    expect(await seen(global)).toEqual(['s1 80', 's2 80', 's3 80'])
    expect(await global.store.hooks.counts()).toEqual([])
    expect(await global.store.hooks.sweep(none, [], 2)).toEqual({ more: false, marked: 0 })
  })

  test('a process whose hooks are not the newest publishes nothing that a hook may cover, and those who have them take it over', async () => {
    await using global = await ready()
    const up = global.channel(fromEast)
    const other: HookCover = {
      names: ['other'],
      firstHook: ({ type, name }) => (type === 'Mesh' && name === 'guarded' ? 'other' : undefined),
      fingerprint: 'two',
    }
    await sweepAll(global, other)
    await up.apply({ type: 'MeshService', offers: [offerOf(web(80))] })
    await global.apply(putMesh('guarded'))
    expect(await seen(global)).toEqual([])
    expect((await global.store.hooks.counts()).map(({ type, hook }) => [type, hook])).toEqual([
      ['Mesh', ''],
      ['MeshService', ''],
    ])
    // Only those with the newest hooks do.
    expect(await global.store.hooks.adopt(cover, 10)).toBe(0)
    expect(await global.store.hooks.adopt(other, 10)).toBe(2)
    expect(await seen(global)).toEqual(['web 80'])
    expect((await global.store.hooks.counts()).map(({ type, hook }) => [type, hook])).toEqual([['Mesh', 'other']])
    expect(await global.store.hooks.adopt(other, 10)).toBe(0)
  })

  test('without hooks nothing waits and nothing is remembered', async () => {
    await using global = await Subject.ready(open, 'global')
    await global.channel(fromEast).apply({ type: 'MeshService', offers: [offerOf(web(80))], epoch: someEpoch })
    expect(await seen(global)).toEqual(['web 80'])
    expect(await global.store.hooks.counts()).toEqual([])
  })
}
