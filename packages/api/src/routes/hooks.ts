import type { HookCount, HookHealth } from '@holdfast/store'
import { publicationJson } from '../hooks/publication.js'
import { titles } from '../http/errors.js'
import { ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { peerName } from '../sync/sync-json.js'
import { limitOf } from '../vips/limit.js'

/** What an operator has configured, as it is shown. */
export interface ConfiguredHook {
  readonly name: string
  /** Without a password. */
  readonly url: string
  readonly types?: readonly string[] | undefined
  readonly meshes?: readonly string[] | undefined
  readonly failurePolicy: string
  readonly timeoutMs: number
}

/** The policy hooks, whether they answer, and what waits for them. */
export function hookRoutes({ store, hooks = [] }: ApiContext): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/_holdfast/hooks',
      title: titles.list,
      async handle({ query }) {
        const limit = limitOf(query)
        const [counts, health, rows] = await Promise.all([
          store.hooks.counts(),
          store.hooks.health(),
          store.hooks.open(limit),
        ])
        // Hooks that are configured no more are shown while something is left of them.
        const left = [...new Set(counts.flatMap(({ hook }) => hook ?? []))].filter(
          (name) => !hooks.some((hook) => hook.name === name),
        )
        return ok({
          hooks: [
            ...hooks.map((hook) => ({ ...hook, configured: true, ...stateOf(hook.name, counts, health) })),
            ...left.map((name) => ({ name, configured: false, ...stateOf(name, counts, health) })),
          ],
          counts: counts.map(({ oldestMs, hook, ...count }) => ({
            ...count,
            hook: hook ?? null,
            oldest: new Date(oldestMs).toISOString(),
          })),
          total: counts.filter(({ state }) => state !== 'changed').reduce((sum, { count }) => sum + count, 0),
          items: rows.map((row) => ({
            type: row.type,
            mesh: row.mesh,
            name: row.name,
            displayName: row.displayName,
            owner: peerName(row.origin),
            ...publicationJson(row, health),
          })),
        })
      },
    },
  ]
}

function stateOf(name: string, counts: readonly HookCount[], health: readonly HookHealth[]) {
  const own = counts.filter(({ hook }) => hook === name)
  const sum = (state: HookCount['state']): number =>
    own.filter((count) => count.state === state).reduce((all, { count }) => all + count, 0)
  const known = health.find(({ hook }) => hook === name)
  const oldest = Math.min(...own.map(({ oldestMs }) => oldestMs))
  return {
    /** null: nobody has asked it yet. */
    answers: known?.answers ?? null,
    since: known === undefined ? null : new Date(known.sinceMs).toISOString(),
    reason: known?.reason ?? null,
    waiting: sum('waiting'),
    refused: sum('refused'),
    bypassed: sum('bypassed'),
    oldest: Number.isFinite(oldest) ? new Date(oldest).toISOString() : null,
  }
}
