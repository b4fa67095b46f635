import { type Api, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus, type Io } from '../io.js'
import { paint } from '../output/colour.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

/** `sync diff [ZONE]`: every resource in which the two differ. Exit status 3 if any does. */
export async function syncDiff(
  io: Io,
  api: Api,
  options: { readonly zone?: string | undefined; readonly output: Output },
): Promise<number> {
  const query = options.zone === undefined ? '' : `?${new URLSearchParams({ zone: options.zone })}`
  const body = await api.tell(`/_holdfast/sync/diff${query}`, 'directions')
  const found = objectsOf(body.differences)
  io.out.write(
    formatted(options.output, body, () => {
      const directions = objectsOf(body.directions).map((one) => {
        const where = `${textOf(one.from)} to ${textOf(one.to)}`
        const at = `revision ${String(one.revision)}, digest ${textOf(one.digest)} (${String(one.resources)} resources)`
        return one.differences === 0
          ? `${where}: ${paint(io, 'good', 'in step')} at ${at}\n`
          : `${where}: ${paint(io, 'bad', `${String(one.differences)} differ`)} at ${at}\n`
      })
      const rows = found.map((one) => ['from', 'to', 'type', 'key', 'kind', 'reason'].map((name) => textOf(one[name])))
      const more = body.truncated === true ? 'There are more; these are the first.\n' : ''
      const table = rows.length === 0 ? '' : tableText(['FROM', 'TO', 'TYPE', 'NAME', 'KIND', 'REASON'], rows)
      return `${table}${more}${directions.join('')}`
    }),
  )
  return found.length === 0 ? exitStatus.fine : exitStatus.differs
}

export const syncDiffCommand = defineCommand({
  configure: (command) => command.argument('[zone]', 'at global: the zone; a zone compares itself'),
  completes: ['zone'],
  outputs: plainOutputs,
  more: 'Exit status 3 if anything differs.',
  examples: [['sync diff east', 'every resource in which east and global differ']],
  run: async ({ io, api, output }, [zone]) => syncDiff(io, await api(), { zone, output }),
})
