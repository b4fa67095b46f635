import { allTypes, originLabel, type TypeDescriptor, zoneLabel } from '@holdfast/model'
import { type Api, ApiFailure, isObject, type JsonObject, textOf } from '../api.js'
import { keyOf } from '../changes/change.js'
import type { Standing } from '../changes/standing.js'
import type { InputResource } from '../input/resources.js'
import { selectorOf } from '../input/selector.js'
import type { Io } from '../io.js'
import { listPath, typeOfArgument } from './types.js'

type Pathed = TypeDescriptor & { readonly path: string }

/** Something that is there, is selected, and is not in the files. */
export interface Doomed {
  readonly type: Pathed
  readonly item: JsonObject
}

/** With these much else goes: they are deleted only where somebody names the type. */
const neverUnasked = new Set(['Mesh', 'Zone', 'Secret', 'GlobalSecret', 'Config'])
const managedByLabel = 'kuma.io/managed-by'

/** What pruning would delete, what refers to something before what is referred to. */
export async function prunable(
  api: Api,
  resources: readonly InputResource[],
  standing: Standing,
  options: { readonly selector?: string | undefined; readonly pruneType?: readonly string[] | undefined },
): Promise<readonly Doomed[]> {
  const selector = selectorOf(options.selector ?? '')
  const asked = options.pruneType?.map(typeOfArgument)
  const types = asked ?? allTypes.filter((type): type is Pathed => isPrunable(type, standing))
  const kept = new Set(resources.map(({ type, object }) => keyOf(type, textOf(object.mesh), textOf(object.name))))
  const found: Doomed[] = []
  for (const type of types) {
    const items = await listed(api, listPath(type, undefined), selector.query)
    for (const item of items)
      if (
        selector.matches(item) &&
        isOwn(item, standing) &&
        !kept.has(keyOf(type, textOf(item.mesh), textOf(item.name)))
      )
        found.push({ type, item })
  }
  return found.sort((a, b) => b.type.order - a.type.order)
}

const isPrunable = (type: TypeDescriptor, { mode }: Standing): boolean =>
  type.path !== undefined &&
  !type.readOnly &&
  !type.internal &&
  !neverUnasked.has(type.name) &&
  (mode === 'global' ? type.providedByGlobal : mode === 'federated' ? type.providedByZone : true)

/** What another control plane owns is not ours to delete, nor what a control plane makes of Dataplanes. */
function isOwn(item: JsonObject, { mode, zone }: Standing): boolean {
  const labels = isObject(item.labels) ? item.labels : {}
  if (labels[managedByLabel] !== undefined) return false
  if (mode === 'global') return labels[originLabel] !== 'zone'
  return labels[originLabel] !== 'global' && (labels[zoneLabel] ?? zone) === zone
}

/** A server that does not know a type has nothing of it. */
async function listed(api: Api, path: string, query: Readonly<Record<string, string>>): Promise<readonly JsonObject[]> {
  try {
    return (await api.list(path, query)).items
  } catch (error) {
    if (error instanceof ApiFailure && error.noSuchPath) return []
    throw error
  }
}

/** Deletes them one by one, each with its line. Interrupted, it stops behind the last line. */
export async function pruned(io: Io, api: Api, doomed: readonly Doomed[]): Promise<void> {
  for (const { type, item } of doomed) {
    io.signal.throwIfAborted()
    const path = `${listPath(type, type.scope === 'mesh' ? textOf(item.mesh) : undefined)}/${encodeURIComponent(textOf(item.name))}`
    await api.call('DELETE', path, { finishes: true })
    const where = textOf(item.mesh) === '' ? '' : ` in mesh ${JSON.stringify(item.mesh)}`
    io.out.write(`${type.name} ${JSON.stringify(item.name)}${where} deleted\n`)
  }
}
