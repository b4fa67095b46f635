#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { configProblemText } from './commands/problems.js'
import { type Resolved, resolveSettings } from './config/resolve.js'
import { type Command as CommandName, type Settings, specsOf } from './config/settings.js'
import { programVersion } from './version.js'

const descriptions: Readonly<Record<CommandName, string>> = {
  global: 'run the global control plane, which zones dial',
  zone: 'run the control plane of one zone; it works with or without its global',
  migrate: 'bring a database to this version and stop; a server does this itself at its start',
  init: 'make a store ready that never was initialised (once per installation, for global)',
  backup: "write all of a store into a file with PostgreSQL's own pg_dump, while its control plane runs or not",
  restore: 'put such a file into an empty database; a new epoch begins, and peers bring back what came since',
}

/** Flags are text here; what they mean is decided in one place for flags, environment and file alike. */
function commandFor(name: CommandName, run: (settings: Settings, flags: Flags) => Promise<number>): Command {
  const command = new Command(name).description(descriptions[name]).option('--config <file>', 'YAML file with settings')
  for (const spec of specsOf(name)) {
    const value = spec.kind === 'switch' ? '' : spec.kind === 'list' ? ' <value,…>' : ' <value>'
    const fallback =
      spec.fallback === undefined || ['list', 'switch', 'yaml'].includes(spec.kind)
        ? ''
        : ` (default ${JSON.stringify(spec.fallback)})`
    const words = [`${spec.flag}${value}`, `${spec.describe}; ${spec.env}${fallback}`] as const
    // A list may be given in one go or a flag at a time.
    if (spec.kind === 'list')
      command.option(...words, (next: string, before?: string) => [before, next].filter(Boolean).join(','))
    else command.option(...words)
  }
  if (name === 'backup') command.requiredOption('--to <file>', 'a label goes beside it, FILE.json')
  if (name === 'restore') command.requiredOption('--from <file>', 'of holdfast backup, with its label')
  if (name === 'backup' || name === 'restore')
    command.option('--pg-bin <folder>', "where PostgreSQL's programs are; those on PATH if not said")
  if (name === 'init')
    command
      .option('--finish-recovery', 'a restored store is what you want it to be: serve it')
      .option('--yes', 'with --finish-recovery: although zones have not come back')
  return command.action(async (flags: Flags) => {
    const resolved = settle(name, flags)
    process.exitCode = resolved === undefined ? 1 : await run(resolved.settings, flags)
  })
}

type Flags = Readonly<Record<string, unknown>> & {
  readonly config?: string
  readonly finishRecovery?: boolean
  readonly yes?: boolean
  readonly json?: boolean
  readonly to?: string
  readonly from?: string
  readonly pgBin?: string
}

function settle(command: CommandName, flags: Flags): Resolved | undefined {
  const path = flags.config ?? process.env.HOLDFAST_CONFIG
  let file: { readonly path: string; readonly text: string } | undefined
  try {
    file = path === undefined ? undefined : { path, text: readFileSync(path, 'utf8') }
  } catch (error) {
    process.stderr.write(`holdfast ${command}: the configuration file cannot be read: ${(error as Error).message}\n`)
    return undefined
  }
  const byKey = Object.fromEntries(specsOf(command).map((spec) => [spec.key, flags[camel(spec.flag)]]))
  const resolved = resolveSettings({ command, flags: byKey, env: process.env, file })
  if ('settings' in resolved) {
    for (const warning of resolved.warnings) process.stderr.write(`holdfast ${command}: warning: ${warning}\n`)
    return resolved
  }
  process.stderr.write(`holdfast ${command}: ${configProblemText(resolved)}\n`)
  return undefined
}

const camel = (flag: string): string =>
  flag.replace(/^--/, '').replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())

const isTerminal = process.stdout.isTTY === true

const program = new Command('holdfast')
  .description("a service mesh control plane in which a service's virtual IP holds fast")
  .version(programVersion)
  .addCommand(
    commandFor('global', async (settings) =>
      (await import('./commands/serve.js')).serve('global', settings, isTerminal),
    ),
  )
  .addCommand(
    commandFor('zone', async (settings) => (await import('./commands/serve.js')).serve('zone', settings, isTerminal)),
  )
  .addCommand(
    commandFor('migrate', async (settings) => (await import('./commands/once.js')).migrateOnce(settings, isTerminal)),
  )
  .addCommand(
    commandFor('init', async (settings, flags) =>
      (await import('./commands/once.js')).initOnce(settings, {
        finishRecovery: flags.finishRecovery === true,
        confirmed: flags.yes === true,
        isTerminal,
      }),
    ),
  )

for (const name of ['backup', 'restore'] as const)
  program.addCommand(
    commandFor(name, async (settings, { to, from, pgBin }) =>
      (await import('./commands/once.js')).backupOnce(name, settings, {
        file: (name === 'backup' ? to : from) ?? '',
        pgBin,
        isTerminal,
      }),
    ),
  )

const doctor = new Command('doctor').description(
  'look at everything that a control plane needs, with its settings, and say what to do; writes nothing. Exit status 3 if there is something',
)
for (const role of ['global', 'zone'] as const)
  doctor.addCommand(
    commandFor(role, async (settings, flags) =>
      (await import('./commands/doctor.js')).doctor(role, settings, flags.json === true ? 'json' : 'text'),
    )
      .description(`the doctor of ${role === 'global' ? 'a global' : 'a zone'}, with the settings that it runs with`)
      .option('--json', 'for a program'),
  )
program.addCommand(doctor)

await program.parseAsync()
// The exit status is set; whatever still holds the event loop (a keep-alive socket) must not keep the process.
process.exit(process.exitCode ?? 0)
