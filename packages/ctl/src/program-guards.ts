import type { Command } from 'commander'
import type { Api } from './api.js'
import type { Io } from './io.js'
import type { Output } from './output/format.js'

export interface GuardCommands {
  readonly io: Io
  readonly api: () => Promise<Api>
  readonly run: (run: () => Promise<number>) => Promise<void>
  readonly output: () => Output
}

/** What was not obeyed or not believed: holds and refusals. */
export function addGuardCommands(program: Command, { io, api, run, output }: GuardCommands): void {
  program
    .command('refused')
    .description('what somebody does not take, and keeps its last good version of')
    .command('list')
    .description('all of it, here and at the peers')
    .action(() =>
      run(async () => {
        const { refusedList } = await import('./commands/refused.js')
        return refusedList(io, await api(), { output: output() })
      }),
    )
  const hold = program.command('hold').description('what vanished without having been deleted, and what to do about it')
  hold
    .command('list')
    .description('holds that wait for an operator')
    .option('--all', 'decided and ended ones as well', false)
    .action((o: { readonly all: boolean }) =>
      run(async () => {
        const { holdList } = await import('./commands/hold.js')
        return holdList(io, await api(), { all: o.all, output: output() })
      }),
    )
  hold
    .command('show')
    .description('one hold, with the names of what it keeps')
    .argument('<id>')
    .action((id: string) =>
      run(async () => {
        const { holdShow } = await import('./commands/hold.js')
        return holdShow(io, await api(), { id, output: output() })
      }),
    )
  for (const [verb, description] of [
    ['approve', 'delete what is still held, as a removal does'],
    ['reject', 'keep what is held until its owner offers or removes it'],
  ] as const)
    hold
      .command(verb)
      .description(description)
      .argument('<id...>')
      .action((ids: readonly string[]) =>
        run(async () => {
          const { holdDecide } = await import('./commands/hold.js')
          return holdDecide(io, await api(), { verb, ids, output: output() })
        }),
      )
}
