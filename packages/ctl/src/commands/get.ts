import { type Api, textOf } from '../api.js'
import { type Context, defineCommand, listOutputs } from '../cli/command.js'
import { allMeshesOption, selectorOption, watchOption, zoneOption } from '../cli/options.js'
import { selectorOf } from '../input/selector.js'
import { exitStatus, usageError } from '../io.js'
import { guardLines } from '../output/guards.js'
import { type ItemsFormat, itemsText, itemText, sortedItems } from '../output/items.js'
import { resolveWithGuards } from './resolve.js'
import { listPath, typeOfArgument } from './types.js'

export interface GetOptions {
  readonly allMeshes: boolean
  readonly zone?: string | undefined
  readonly selector?: string | undefined
  readonly columns?: string | undefined
  readonly sortBy?: string | undefined
  readonly watch: boolean
  readonly size?: string | undefined
  readonly offset?: string | undefined
}

/** `get TYPE [NAME]`: the whole list, however many pages it has, or one resource by display name. */
async function get(context: Context, word: string, name: string | undefined, options: GetOptions): Promise<number> {
  const { io, format, mesh } = context
  const type = typeOfArgument(word)
  const how: ItemsFormat = { format, columns: options.columns, sortBy: options.sortBy }
  checkOptions(context, name, options)
  const selector = options.selector === undefined ? undefined : selectorOf(options.selector)
  const api = await context.api()
  const path = listPath(type, options.allMeshes ? undefined : mesh)
  const query = {
    ...(options.zone === undefined ? {} : { 'filter[labels.kuma.io/zone]': options.zone }),
    ...selector?.query,
  }
  if (options.watch) {
    const { watch } = await import('./watch.js')
    return watch(io, api, { type, path, query, name, how, matches: selector?.matches ?? (() => true) })
  }
  if (name !== undefined) {
    const { item, guards } = await resolveWithGuards(api, { type, name, mesh, zone: options.zone })
    const lines = guardLines(guards)
    io.out.write(await itemText(type, item, how, io.nowMs()))
    // Comments: what is printed can be applied again.
    if (format === 'yaml') for (const line of lines) io.out.write(`# ${line}\n`)
    if (format === 'table' || format === 'wide') for (const line of lines) io.out.write(`${line}\n`)
    return exitStatus.fine
  }
  if (options.size !== undefined || options.offset !== undefined)
    return onePage(context, api, { type, path, query, how, options })
  const { items } = await api.list(path, query)
  const chosen = selector === undefined ? items : items.filter(selector.matches)
  io.out.write(await itemsText(type, await sortedItems(type, chosen, how, io.nowMs()), how, io.nowMs()))
  return exitStatus.fine
}

function checkOptions({ format }: Context, name: string | undefined, o: GetOptions): void {
  const isTable = format === 'table' || format === 'wide'
  if (o.columns !== undefined && !isTable) throw usageError('--columns is for tables: leave -o away')
  if (name === undefined) return
  const ofLists = Object.entries({ selector: o.selector, size: o.size, offset: o.offset, 'sort-by': o.sortBy })
  const said = ofLists.filter(([, value]) => value !== undefined).map(([option]) => `--${option}`)
  if (o.allMeshes) said.push('--all-meshes')
  if (said.length > 0)
    throw usageError(`${said.join(', ')} ${said.length === 1 ? 'is' : 'are'} for lists: leave the name away`)
}

/** As kumactl pages: what was asked for, and how to go on. */
async function onePage(
  { io, format }: Context,
  api: Api,
  {
    type,
    path,
    query,
    how,
    options,
  }: {
    readonly type: ReturnType<typeof typeOfArgument>
    readonly path: string
    readonly query: Readonly<Record<string, string>>
    readonly how: ItemsFormat
    readonly options: GetOptions
  },
): Promise<number> {
  const { size, offset } = options
  const asked = new URLSearchParams({
    ...query,
    ...(size === undefined ? {} : { size }),
    ...(offset === undefined ? {} : { offset }),
  })
  const page = await api.get(`${path}?${asked}`)
  const items = Array.isArray(page.items) ? page.items : []
  const chosen = options.selector === undefined ? items : items.filter(selectorOf(options.selector).matches)
  io.out.write(await itemsText(type, await sortedItems(type, chosen, how, io.nowMs()), how, io.nowMs()))
  const next = textOf(page.next)
  if (next !== '' && (format === 'table' || format === 'wide')) {
    const from = new URL(next, 'http://localhost').searchParams.get('offset')
    io.out.write(`\nRerun command with --offset=${from} argument to retrieve more resources\n`)
  }
  return exitStatus.fine
}

export const getCommand = defineCommand<GetOptions>({
  configure: (command) =>
    command
      .argument('<type>', 'for example meshservices')
      .argument('[name]', 'its display name, or the name under which it is stored')
      .addOption(allMeshesOption())
      .addOption(zoneOption())
      .addOption(selectorOption())
      .option('--columns <columns>', 'which columns, in this order: headers, paths, or HEADER=PATH')
      .option('--sort-by <column>', 'a header or a path; -COLUMN for the highest first')
      .addOption(watchOption())
      .option('--size <count>', 'one page of so many, instead of all')
      .option('--offset <position>', 'where that page begins'),
  completes: ['type', 'name'],
  outputs: listOutputs,
  more: 'A list is always whole: every page is fetched. What -o yaml and -o json print can be applied again.',
  examples: [
    ['get meshservices', 'those of mesh default, with their addresses'],
    ['get meshservices -A --sort-by vip', 'of every mesh, by address'],
    ['get meshservices -o wide', 'with ports, proxies and labels'],
    ['get meshservice web --zone east -o yaml', 'one, in full'],
    ['get dataplanes -l app=web,kuma.io/zone!=west', 'by labels'],
    ['get meshtimeouts --columns name,TO=spec.to[*].targetRef.kind', 'columns of your own'],
    ["get meshservices -o jsonpath='{.items[*].status.vips[*].ip}'", 'values alone'],
    ['get meshservices -w', 'and what changes from now on'],
  ],
  run: (context, [type = '', name], options) => get(context, type, name, options),
})
