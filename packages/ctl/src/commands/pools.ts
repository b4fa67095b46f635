import { type Api, isObject, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { yesOption } from '../cli/options.js'
import { exitStatus, type Io, usageError } from '../io.js'
import { paint } from '../output/colour.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

const percent = (share: unknown): string => `${(Number(share) * 100).toFixed(1)} %`

/** `vip pool list`. */
export async function vipPoolList(io: Io, api: Api, output: Output): Promise<number> {
  const body = await api.tell('/_holdfast/vips/pools', 'items')
  io.out.write(
    formatted(output, body, () =>
      tableText(
        ['KIND', 'FAMILY', 'CIDR', 'BLOCKS', 'LEASED', 'NEVER LEASED'],
        objectsOf(body.items).map((pool) => [
          textOf(pool.kind),
          `IPv${String(pool.family)}`,
          textOf(pool.cidr),
          String(pool.blocks),
          percent(pool.leasedShare),
          Array.isArray(pool.reserved) ? pool.reserved.map(String).join(', ') : '',
        ]),
      ),
    ),
  )
  return exitStatus.fine
}

/** `vip pool add KIND=CIDR`: what would be, or with `--yes` what was done. */
export async function vipPoolAdd(
  io: Io,
  api: Api,
  options: { readonly pool: string; readonly yes: boolean; readonly output: Output },
): Promise<number> {
  const { pool, yes, output } = options
  const [, kind, cidr] = /^([^=]+)=([^=]+)$/.exec(pool) ?? []
  if (kind === undefined || cidr === undefined)
    throw usageError(`a pool is KIND=CIDR, such as MeshService=241.208.0.0/16; got "${pool}"`)
  const body = await api.post('/_holdfast/vips/pools', { kind, cidr, apply: yes })
  io.out.write(formatted(output, body, () => addedText(io, body)))
  return exitStatus.fine
}

function addedText(io: Io, body: JsonObject): string {
  const pool = isObject(body.pool) ? body.pool : {}
  const what = `${textOf(pool.cidr)} for ${textOf(pool.kind)}`
  if (body.changed !== true) return `${what} is there already\n`
  if (body.applied === true)
    return `${paint(io, 'good', `added ${what}`)}; blocks are leased from it where there is need\n`
  return `${what} would be added; nothing was changed. A pool cannot be taken away again. Do it with: holdfastctl vip pool add ${textOf(pool.kind)}=${textOf(pool.cidr)} --yes\n`
}

export const vipPoolListCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['vip pool list', 'where addresses come from, and how much of it is leased']],
  run: async ({ io, api, output }) => vipPoolList(io, await api(), output),
})

export const vipPoolAddCommand = defineCommand<{ readonly yes: boolean }>({
  configure: (command) => command.argument('<pool>', 'KIND=CIDR').addOption(yesOption()),
  outputs: plainOutputs,
  examples: [
    ['vip pool add MeshService=241.208.0.0/16', 'whether that can be a pool'],
    ['vip pool add MeshService=241.208.0.0/16 --yes', 'add it'],
  ],
  run: async ({ io, api, output }, [pool = ''], { yes }) => vipPoolAdd(io, await api(), { pool, yes, output }),
})
