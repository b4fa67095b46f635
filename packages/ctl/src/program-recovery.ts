import type { Command, Option } from 'commander'
import type { Api } from './api.js'
import type { Io } from './io.js'
import type { Output } from './output/format.js'

interface Shared {
  readonly output: () => Output
  readonly api: () => Promise<Api>
  readonly run: (run: () => Promise<number>) => Promise<void>
}

/** `status`, `recover …`: how things stand, and what to do after a loss. */
export function addRecoveryCommands(program: Command, io: Io, { output, api, run }: Shared): void {
  program
    .command('status')
    .description('how everything stands and what waits for a decision; exit status 1 if something does')
    .action(() =>
      run(async () => {
        const { status } = await import('./commands/status.js')
        return status(io, await api(), { output: output() })
      }),
    )
  const recover = program.command('recover').description("after a loss of global's store")
  recover
    .command('status')
    .description('what the recovery waits for; exit status 1 while it does')
    .action(() =>
      run(async () => {
        const { recoverStatus } = await import('./commands/recover.js')
        return recoverStatus(io, await api(), { output: output() })
      }),
    )
  recover
    .command('from-zone')
    .description("what global's own resources would become from what a zone remembers; does it with --yes")
    .argument('<zone>')
    .option('--yes', 'do it', false)
    .action((zone: string, o: { readonly yes: boolean }) =>
      run(async () => {
        const { recoverFromZone } = await import('./commands/recover.js')
        return recoverFromZone(io, await api(), { zone, yes: o.yes, output: output() })
      }),
    )
  recover
    .command('finish')
    .description('serve again although the recovery still waits for something')
    .option('--yes', 'although what it waits for is given up', false)
    .action((o: { readonly yes: boolean }) =>
      run(async () => {
        const { recoverFinish } = await import('./commands/recover.js')
        return recoverFinish(io, await api(), { yes: o.yes, output: output() })
      }),
    )
}

interface Narrow {
  readonly kind?: string
  readonly zone?: string
}

/** `vip rebuild`, `vip release`: what an operator may do to a ledger. */
export function addLedgerCommands(
  vip: Command,
  io: Io,
  {
    output,
    api,
    run,
    mesh,
    options,
  }: Shared & { readonly mesh: () => string | undefined; readonly options: () => readonly Option[] },
): void {
  vip
    .command('rebuild')
    .description('what a ledger that has lost rows gets back, and who says so; does it with --yes')
    .option('--yes', 'do it', false)
    .action((o: { readonly yes: boolean }) =>
      run(async () => {
        const { vipRebuild } = await import('./commands/ledger.js')
        return vipRebuild(io, await api(), { yes: o.yes, output: output() })
      }),
    )
  const release = vip
    .command('release')
    .description('end the quarantine of an address whose owner is gone; it may go to another at once')
    .argument('<subject>', 'an address, or a deleted service by display name')
  for (const option of options()) release.addOption(option)
  release.action((subject: string, o: Narrow) =>
    run(async () => {
      const { vipRelease } = await import('./commands/ledger.js')
      return vipRelease(io, await api(), { ...o, subject, mesh: mesh(), output: output() })
    }),
  )
}
