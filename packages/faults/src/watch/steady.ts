import { byHand } from '@holdfast/store/testing'
import type { Plane } from '../stand/plane.js'

/** Services that nobody changes while rows run. */
export const steadyPrefix = 'steady-'
export const steadyPerZone = 2

export const steadyNames = (zone: string): readonly string[] =>
  Array.from({ length: steadyPerZone }, (_, i) => `${steadyPrefix}${zone}-${i + 1}`)

/** How the names of a zone's services are asked for in a zone. */
export const hostname = (service: string, origin: string, asker: string): string =>
  origin === asker ? `${service}.svc.mesh.local` : `${service}.svc.${origin}.mesh.local`

/** Every steady row of a store with the transaction that wrote it: a row that was written again has another one. */
export type SteadyRows = ReadonlyMap<string, string>

export async function steadyRows(plane: Plane): Promise<SteadyRows> {
  const rows = await byHand<{ what: string; written: string }>(
    plane.url,
    `select 'resource ' || origin || '/' || display_name as what, xmin::text || ' ' || revision::text as written
     from resources where type = 'MeshService' and starts_with(display_name, $1)
     union all
     select 'address of ' || display_name || ' (' || family || ')', xmin::text || ' ' || state
     from vip_ledger where starts_with(display_name, $1) order by 1`,
    [steadyPrefix],
  )
  return new Map(rows.map(({ what, written }) => [what, written]))
}

/** What was written, taken away or made anew among what nobody has changed, in words. */
export function rewritten(plane: string, before: SteadyRows, after: SteadyRows): readonly string[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((what) => {
    const [was, is] = [before.get(what), after.get(what)]
    return was === is ? [] : [`${plane}: ${what} was ${was ?? 'not there'}, is ${is ?? 'not there'}`]
  })
}
