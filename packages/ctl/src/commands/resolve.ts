import type { TypeDescriptor } from '@holdfast/model'
import { type Api, ApiFailure, type JsonObject, objectsOf, textOf } from '../api.js'
import { CliError, usageError } from '../io.js'
import { displayNameOf, zoneOf } from '../output/services.js'
import { listPath } from './types.js'

export interface Wanted {
  readonly type: TypeDescriptor & { readonly path: string }
  readonly name: string
  readonly mesh: string
  readonly zone: string | undefined
}

/**
 * The one resource that a person means: by display name, and by the exact stored name where nothing is displayed so.
 * Several control planes may own one of the same name: at a zone its own is meant; else the zones are told and nothing is
 * guessed.
 */
export const resolve = async (api: Api, wanted: Wanted): Promise<JsonObject> =>
  (await resolveWithGuards(api, wanted)).item

export interface Resolved {
  readonly item: JsonObject
  /** What is refused or held of it, here or at a peer. */
  readonly guards: readonly JsonObject[]
}

export async function resolveWithGuards(api: Api, wanted: Wanted): Promise<Resolved> {
  const { type, name, mesh, zone } = wanted
  const query = new URLSearchParams({
    type: type.name,
    name,
    ...(type.scope === 'mesh' ? { mesh } : {}),
    ...(zone === undefined ? {} : { zone }),
  })
  const answer = await named(api, wanted, query)
  const found = await ownIfSeveral(api, wanted, objectsOf(answer.items))
  // Within one zone only namespaces tell them apart, and the stored name tells the namespace.
  const sameZone = new Set(found.map(zoneOf)).size === 1
  const meant = found.length === 1 ? found[0] : found.find((item) => sameZone && item.name === name)
  if (meant !== undefined) {
    const guards = objectsOf(answer.guards).filter((guard) => guard.name === meant.name)
    return { item: meant, guards }
  }
  if (found.length > 0) throw ambiguous(wanted, found, sameZone)
  const exact = zone === undefined ? await api.find(itemPath(wanted, name)) : undefined
  if (exact !== undefined) return { item: exact, guards: [] }
  throw new CliError(
    `there is no ${type.name} ${JSON.stringify(name)}${zone === undefined ? '' : ` of zone ${zone}`}${
      type.scope === 'mesh' ? ` in mesh ${JSON.stringify(mesh)}` : ''
    } at ${api.url}; see those there are with 'holdfastctl get ${type.path}'`,
  )
}

/** Of several of one name those of the zone that is asked, where it has any: whoever works at a zone means what is there. */
async function ownIfSeveral(api: Api, { zone }: Wanted, found: readonly JsonObject[]): Promise<readonly JsonObject[]> {
  if (zone !== undefined || new Set(found.map(zoneOf)).size < 2) return found
  const { standingOf } = await import('../changes/standing.js')
  const here = await standingOf(api)
  const own = here.mode === 'global' ? [] : found.filter((item) => zoneOf(item) === here.zone)
  return own.length === 0 ? found : own
}

/** By display name; a Kuma has only stored names and labels. */
async function named(api: Api, { type, name, mesh, zone }: Wanted, query: URLSearchParams): Promise<JsonObject> {
  try {
    return await api.get(`/_holdfast/resources?${query}`)
  } catch (error) {
    if (!(error instanceof ApiFailure) || !error.noSuchPath) throw error
    if ((await api.server()).holdfast !== undefined) throw error
    const { items } = await api.list(listPath(type, mesh), {
      'filter[labels.kuma.io/display-name]': name,
      ...(zone === undefined ? {} : { 'filter[labels.kuma.io/zone]': zone }),
    })
    return { items }
  }
}

export const itemPath = ({ type, mesh }: Pick<Wanted, 'type' | 'mesh'>, name: string): string =>
  `${listPath(type, mesh)}/${encodeURIComponent(name)}`

function ambiguous({ type, name }: Wanted, found: readonly JsonObject[], sameZone: boolean): CliError {
  const lines = found.map((item) => {
    const zone = zoneOf(item)
    const what = `${displayNameOf(item)}${zone === '' ? ' of global' : ` of zone ${zone}`}, stored as ${textOf(item.name)}`
    return sameZone ? `* ${what}` : `* --zone ${zone || 'global'}: ${what}`
  })
  const next = sameZone ? 'say the stored name' : 'say which one with --zone'
  return usageError(`${type.name} ${JSON.stringify(name)} is ambiguous; ${next}:\n${lines.join('\n')}`)
}
