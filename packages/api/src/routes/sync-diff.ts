import { within } from '@holdfast/deadline'
import { Problem } from '@holdfast/model'
import { titles } from '../http/errors.js'
import { ok, type Route } from '../http/route.js'
import type { ApiContext } from '../options.js'
import { askedDiff, syncDiff } from '../sync/diff.js'

/** `sync diff`: at global with a zone named, over the questions of its session; at a zone with global. */
export function syncDiffRoute({ store, sync, mode, zoneName, limits }: ApiContext): Route {
  return {
    method: 'GET',
    path: '/_holdfast/sync/diff',
    title: titles.list,
    handle: async ({ query, signal }) => {
      const zone = query.get('zone') ?? ''
      if (mode === 'global' && zone === '')
        throw new Problem('invalid', 'Say which zone to compare with', {
          violations: [{ path: 'zone', message: 'is missing' }],
        })
      if (mode !== 'global' && zone !== '' && zone !== zoneName)
        throw new Problem('invalid', `This is zone ${zoneName}: ask global to compare zone ${zone}`)
      return within(20 * limits.zoneAnswerTimeoutMs, [signal], async (time) => {
        const peer = askedDiff((question, body) =>
          sync.askZone(mode === 'global' ? zone : '', question, body, { signal: time }),
        )
        return ok(
          await syncDiff(
            mode === 'global'
              ? { zone, global: store.diff, atZone: peer }
              : { zone: zoneName, global: peer, atZone: store.diff },
          ),
        )
      })
    },
  }
}
