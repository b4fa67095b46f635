import { type Api, textOf } from '../api.js'
import { defineCommand, noOutputs } from '../cli/command.js'
import { zoneOption } from '../cli/options.js'
import { exitStatus, type Io } from '../io.js'
import { itemPath, resolve } from './resolve.js'
import { typeOfArgument } from './types.js'

export interface DeleteOptions {
  readonly type: string
  readonly name: string
  readonly mesh: string
  readonly zone?: string | undefined
  /** A zone that is connected as well: its sessions end. */
  readonly force: boolean
}

/** `delete TYPE NAME`: by display name; deletes nothing where the name is ambiguous. */
export async function deleteResource(io: Io, api: Api, options: DeleteOptions): Promise<number> {
  const type = typeOfArgument(options.type)
  const wanted = { type, name: options.name, mesh: options.mesh, zone: options.zone }
  const item = await resolve(api, wanted)
  const path = itemPath(wanted, textOf(item.name))
  await api.delete(options.force ? `${path}?force=true` : path)
  io.out.write(`deleted ${type.name} ${JSON.stringify(options.name)}\n`)
  return exitStatus.fine
}

export const deleteCommand = defineCommand<{ readonly zone?: string; readonly force: boolean }>({
  configure: (command) =>
    command
      .argument('<type>', 'for example meshservice')
      .argument('<name>', 'its display name, or the name under which it is stored')
      .addOption(zoneOption())
      .option('--force', 'a zone that is connected as well: its sessions end', false),
  completes: ['type', 'name'],
  outputs: noOutputs,
  examples: [['delete meshservice web', 'the MeshService web of mesh default']],
  run: async ({ io, api, mesh }, [type = '', name = ''], options) =>
    deleteResource(io, await api(), { type, name, mesh, ...options }),
})
