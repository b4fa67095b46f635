import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { Api } from './api.js'
import { CliError, exitStatus, type Io, usageError } from './io.js'
import type { Output } from './output/format.js'
import { addDnsCommands } from './program-dns.js'
import { addGuardCommands } from './program-guards.js'
import { addLedgerCommands, addRecoveryCommands } from './program-recovery.js'
import { addZoneCommands } from './zone-program.js'

export interface ProgramOptions {
  readonly version: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly fetch: typeof fetch
}

interface Globals {
  readonly url: string
  readonly output: Output
  readonly mesh: string
}

const defaultUrl = 'http://127.0.0.1:5681'
const defaultMesh = 'default'

/**
 * Runs `holdfastctl` with the arguments after its name. Each command's code is loaded when it is called, so that help
 * and mistakes answer at once.
 * @returns the exit status
 */
export async function runProgram(args: readonly string[], io: Io, options: ProgramOptions): Promise<number> {
  let status: number = exitStatus.fine
  const program = programOf(io, options, async (run) => {
    status = await run()
  })
  try {
    if (args.length === 0) program.outputHelp()
    else await program.parseAsync([...args], { from: 'user' })
    return status
  } catch (error) {
    return failure(error, io)
  }
}

function failure(error: unknown, io: Io): number {
  // Help and version leave this way as well. What was wrong with the usage has been printed already.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitStatus.fine : exitStatus.usage
  if (io.signal.aborted) {
    io.err.write('Error: interrupted\n')
    return exitStatus.failed
  }
  io.err.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`)
  return error instanceof CliError ? error.status : exitStatus.failed
}

type Run = (run: () => Promise<number>) => Promise<void>

function programOf(io: Io, { version, env, fetch }: ProgramOptions, run: Run): Command {
  const program = new Command('holdfastctl')
    .description('Talks to a Holdfast control plane, global or zone')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out.write(text),
      writeErr: (text) => io.err.write(text),
      outputError: (text, write) => write(text.replace(/^error:/, 'Error:')),
    })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError(false)
    .addOption(
      new Option('--url <url>', 'where the control plane is; HOLDFAST_URL sets it as well')
        .default(env.HOLDFAST_URL || defaultUrl)
        .argParser(urlOf),
    )
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'yaml', 'json']).default('table'))
    .addOption(new Option('-m, --mesh <mesh>', 'mesh to look in').default(defaultMesh))

  const globals = (): Globals => program.opts<Globals>()
  const meshIfSaid = (): string | undefined =>
    program.getOptionValueSource('mesh') === 'default' ? undefined : globals().mesh
  const api = async (): Promise<Api> => {
    const { Api } = await import('./api.js')
    const { url } = globals()
    if (!isUrl(url)) throw usageError(`HOLDFAST_URL: ${notUrl(url)}`)
    return new Api({ url, fetch, signal: io.signal })
  }
  const zoneOption = () => new Option('--zone <zone>', 'zone that owns it, or global')
  const fileOption = () =>
    new Option('-f, --file <path>', 'file, folder (all of it), or - for standard input; may be given several times')
      .argParser((path: string, paths: readonly string[] | undefined) => [...(paths ?? []), path])
      .makeOptionMandatory()

  program
    .command('apply')
    .description('create or change what the files say, all of it or nothing')
    .addOption(fileOption())
    .action((o: { readonly file: readonly string[] }) =>
      run(async () => {
        const { apply } = await import('./commands/apply.js')
        return apply(io, await api(), { files: o.file, mesh: globals().mesh, output: globals().output })
      }),
    )
  program
    .command('get')
    .description('show resources')
    .argument('<type>', 'for example meshservices')
    .argument('[name]', 'its display name, or the name under which it is stored')
    .option('-A, --all-meshes', 'of every mesh', false)
    .addOption(zoneOption())
    .action((type: string, name: string | undefined, o: { readonly allMeshes: boolean; readonly zone?: string }) =>
      run(async () => {
        const { get } = await import('./commands/get.js')
        const { mesh, output } = globals()
        return get(io, await api(), { type, name, mesh, allMeshes: o.allMeshes, zone: o.zone, output })
      }),
    )
  program
    .command('delete')
    .description('delete a resource')
    .argument('<type>')
    .argument('<name>')
    .addOption(zoneOption())
    .option('--force', 'a zone that is connected as well: its sessions end', false)
    .action((type: string, name: string, o: { readonly zone?: string; readonly force: boolean }) =>
      run(async () => {
        const { deleteResource } = await import('./commands/delete.js')
        return deleteResource(io, await api(), { type, name, mesh: globals().mesh, zone: o.zone, force: o.force })
      }),
    )
  const inspect = program.command('inspect').description('show how things stand')
  inspect
    .command('endpoints')
    .description('where this zone may dial global, over which address it does, and which failed')
    .action(() =>
      run(async () => {
        const { inspectEndpoints } = await import('./commands/inspect-endpoints.js')
        return inspectEndpoints(io, await api(), { output: globals().output })
      }),
    )
  inspect
    .command('types')
    .description('resource types that are not known here: who has described them, and what was not taken')
    .action(() =>
      run(async () => {
        const { inspectTypes } = await import('./commands/inspect-types.js')
        return inspectTypes(io, await api(), { output: globals().output })
      }),
    )
  inspect
    .command('hooks')
    .description('which policy hooks answer, and what is not published as it was written')
    .action(() =>
      run(async () => {
        const { inspectHooks } = await import('./commands/inspect-hooks.js')
        return inspectHooks(io, await api(), { output: globals().output })
      }),
    )
  inspect
    .command('services')
    .description('what serves each MeshService, who has made it, and which could not be made of Dataplanes')
    .option('-A, --all-meshes', 'of every mesh', false)
    .action((o: { readonly allMeshes: boolean }) =>
      run(async () => {
        const { inspectServices } = await import('./commands/inspect-services.js')
        const { mesh, output } = globals()
        return inspectServices(io, await api(), { mesh, allMeshes: o.allMeshes, output })
      }),
    )
  inspect
    .command('zones')
    .description('which zones are connected to this global')
    .action(() =>
      run(async () => {
        const { inspectZones } = await import('./commands/inspect-zones.js')
        return inspectZones(io, await api(), { output: globals().output })
      }),
    )
  program
    .command('convert')
    .description('print as Holdfast resources what is written for something else')
    .command('kubernetes')
    .description('Kubernetes Services as MeshServices')
    .addOption(fileOption())
    .action((o: { readonly file: readonly string[] }) =>
      run(async () => {
        const { convert } = await import('./commands/convert.js')
        return convert(io, { files: o.file, mesh: globals().mesh, output: globals().output })
      }),
    )
  addZoneCommands(program, { io, api, run, globals })
  addDnsCommands(program, { io, api, run, output: () => globals().output })
  addGuardCommands(program, { io, api, run, output: () => globals().output })
  addRecoveryCommands(program, io, { output: () => globals().output, api, run })
  program
    .command('sync')
    .description('how control planes agree')
    .command('diff')
    .description('every resource in which a zone and global differ; exit status 1 if any does')
    .argument('[zone]', 'at global: the zone; a zone compares itself')
    .action((zone: string | undefined) =>
      run(async () => {
        const { syncDiff } = await import('./commands/sync-diff.js')
        return syncDiff(io, await api(), { zone, output: globals().output })
      }),
    )
  addVipCommands(program, io, api, run, { globals, meshIfSaid, zoneOption })
  return program
}

interface Shared {
  readonly globals: () => Globals
  readonly meshIfSaid: () => string | undefined
  readonly zoneOption: () => Option
}

function addVipCommands(program: Command, io: Io, api: () => Promise<Api>, run: Run, shared: Shared): void {
  const { globals, meshIfSaid, zoneOption } = shared
  const vip = program.command('vip').description('who has which virtual IP')
  const kindOption = () => new Option('--kind <kind>', 'for example MeshService')
  interface Narrow {
    readonly kind?: string
    readonly zone?: string
  }
  const options = () => [kindOption(), zoneOption()]
  addLedgerCommands(vip, io, { output: () => globals().output, api, run, mesh: meshIfSaid, options })
  vip
    .command('list')
    .description('the ledger')
    .addOption(kindOption())
    .addOption(zoneOption())
    .option('--deleted', 'those whose owner was deleted as well', false)
    .action((o: Narrow & { readonly deleted: boolean }) =>
      run(async () => {
        const { vipList } = await import('./commands/vip.js')
        return vipList(io, await api(), { ...o, mesh: meshIfSaid(), output: globals().output })
      }),
    )
  vip
    .command('explain')
    .description('who has an address and why, or why a service has its address or none')
    .argument('<subject>', 'an address, or a service by display name')
    .addOption(kindOption())
    .addOption(zoneOption())
    .action((subject: string, o: Narrow) =>
      run(async () => {
        const { vipExplain } = await import('./commands/vip.js')
        return vipExplain(io, await api(), { ...o, subject, mesh: meshIfSaid(), output: globals().output })
      }),
    )
  vip
    .command('history')
    .description('what happened to an address or a service')
    .argument('[subject]', 'an address, or a service by display name')
    .addOption(kindOption())
    .addOption(zoneOption())
    .action((subject: string | undefined, o: Narrow) =>
      run(async () => {
        const { vipHistory } = await import('./commands/vip.js')
        return vipHistory(io, await api(), { ...o, subject, mesh: meshIfSaid(), output: globals().output })
      }),
    )
  vip
    .command('verify')
    .description('whether ledger, API and every zone agree; exit status 1 if not, 3 if not all could be asked')
    .action(() =>
      run(async () => {
        const { vipVerify } = await import('./commands/vip.js')
        return vipVerify(io, await api(), { output: globals().output })
      }),
    )
}

const isUrl = (text: string): boolean => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
const notUrl = (text: string): string => `${JSON.stringify(text)} is no URL such as ${defaultUrl}`

function urlOf(text: string): string {
  if (isUrl(text)) return text
  throw new InvalidArgumentError(`${notUrl(text)}.`)
}
