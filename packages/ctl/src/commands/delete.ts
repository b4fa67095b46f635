import { type Api, textOf } from '../api.js'
import { hasDryRun } from '../changes/dry-run.js'
import { defineCommand, noOutputs } from '../cli/command.js'
import { zoneOption } from '../cli/options.js'
import { CliError, exitStatus, type Io } from '../io.js'
import { itemPath, resolve } from './resolve.js'
import { typeOfArgument } from './types.js'

export interface DeleteOptions {
  readonly type: string
  readonly name: string
  readonly mesh: string
  readonly zone?: string | undefined
  /** A zone that is connected as well: its sessions end. */
  readonly force: boolean
  /** Asks the control plane what would become of it. */
  readonly dryRun: boolean
}

/** `delete TYPE NAME`: by display name; deletes nothing where the name is ambiguous. */
export async function deleteResource(io: Io, api: Api, options: DeleteOptions): Promise<number> {
  const type = typeOfArgument(options.type)
  const wanted = { type, name: options.name, mesh: options.mesh, zone: options.zone }
  const item = await resolve(api, wanted)
  const path = itemPath(wanted, textOf(item.name))
  const what = `deleted ${type.name} ${JSON.stringify(options.name)}`
  if (options.dryRun) {
    // One that does not know the parameter would delete.
    if (!(await hasDryRun(api))) throw new CliError(`${api.url} has no dry run of its own; nothing was deleted`)
    const answer = await api.call('DELETE', `${path}?dryRun=true${options.force ? '&force=true' : ''}`)
    if (answer.body.dryRun !== true)
      throw new CliError('the control plane says that it was no dry run; look at what it has now')
    io.out.write(`${what} (dry run)\n`)
    return exitStatus.fine
  }
  await api.delete(options.force ? `${path}?force=true` : path)
  io.out.write(`${what}\n`)
  return exitStatus.fine
}

export const deleteCommand = defineCommand<{
  readonly zone?: string
  readonly force: boolean
  readonly dryRun: boolean
}>({
  configure: (command) =>
    command
      .argument('<type>', 'for example meshservice')
      .argument('<name>', 'its display name, or the name under which it is stored')
      .addOption(zoneOption())
      .option('--dry-run', 'delete nothing: ask the control plane whether it would', false)
      .option('--force', 'a zone that is connected as well: its sessions end', false),
  completes: ['type', 'name'],
  outputs: noOutputs,
  examples: [
    ['delete meshservice web', 'the MeshService web of mesh default'],
    ['delete mesh shop --dry-run', 'whether it could be deleted now, or what still stands in its way'],
  ],
  run: async ({ io, api, mesh }, [type = '', name = ''], options) =>
    deleteResource(io, await api(), { type, name, mesh, ...options }),
})
