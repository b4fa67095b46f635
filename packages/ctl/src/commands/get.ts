import { type Api, type JsonObject, type List, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { allMeshesOption, zoneOption } from '../cli/options.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { formatted, type Output } from '../output/format.js'
import { guardLines } from '../output/guards.js'
import { displayNameOf, serviceHeaders, serviceRow, zoneOf } from '../output/services.js'
import { tableText } from '../output/table.js'
import { resolveWithGuards } from './resolve.js'
import { listPath, typeOfArgument } from './types.js'

export interface GetOptions {
  readonly type: string
  readonly name?: string | undefined
  readonly mesh: string
  readonly allMeshes: boolean
  readonly zone?: string | undefined
  readonly output: Output
}

/** `get TYPE [NAME]`: the whole list, however many pages it has, or one resource by display name. */
export async function get(io: Io, api: Api, options: GetOptions): Promise<number> {
  const type = typeOfArgument(options.type)
  const { name, mesh, zone, output } = options
  if (name !== undefined) {
    const { item, guards } = await resolveWithGuards(api, { type, name, mesh, zone })
    const lines = guardLines(guards)
    io.out.write(
      formatted(output, item, () => [itemsTable(type, [item], io.nowMs()), ...lines.map((l) => `${l}\n`)].join('')),
    )
    // Comments: what is printed can be applied again.
    if (output === 'yaml') for (const line of lines) io.out.write(`# ${line}\n`)
    return exitStatus.fine
  }
  const path = listPath(type, options.allMeshes ? undefined : mesh)
  const list: List = await api.list(path, zone === undefined ? {} : { 'filter[labels.kuma.io/zone]': zone })
  const body = { total: list.items.length, items: list.items, next: null }
  io.out.write(formatted(output, body, () => itemsTable(type, list.items, io.nowMs())))
  return exitStatus.fine
}

interface Shape {
  readonly scope: 'global' | 'mesh'
  readonly vipKind: boolean
  readonly hashed: boolean
}

/** Services show what they are asked for most; everything else shows who it is and its age. */
export function itemsTable(type: Shape, items: readonly JsonObject[], nowMs: number): string {
  if (type.vipKind) return tableText(serviceHeaders, items.map(serviceRow))
  const age = (item: JsonObject) => ageText(item.modificationTime, nowMs)
  if (type.scope === 'global' && !type.hashed)
    return tableText(
      ['NAME', 'AGE'],
      items.map((item) => [textOf(item.name), age(item)]),
    )
  if (type.scope === 'global')
    return tableText(
      ['NAME', 'ZONE', 'AGE'],
      items.map((item) => [displayNameOf(item), zoneOf(item), age(item)]),
    )
  return tableText(
    ['MESH', 'NAME', 'ZONE', 'AGE'],
    items.map((item) => [textOf(item.mesh), displayNameOf(item), zoneOf(item), age(item)]),
  )
}

export const getCommand = defineCommand<{ readonly allMeshes: boolean; readonly zone?: string }>({
  configure: (command) =>
    command
      .argument('<type>', 'for example meshservices')
      .argument('[name]', 'its display name, or the name under which it is stored')
      .addOption(allMeshesOption())
      .addOption(zoneOption()),
  outputs: plainOutputs,
  examples: [['get meshservices', 'those of mesh default']],
  run: async ({ io, api, mesh, output }, [type = '', name], options) =>
    get(io, await api(), { type, name, mesh, output, ...options }),
})
