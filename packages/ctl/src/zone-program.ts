import type { Command } from 'commander'
import type { Api } from './api.js'
import type { Io } from './io.js'
import type { Output } from './output/format.js'

interface Shared {
  readonly io: Io
  readonly api: () => Promise<Api>
  readonly run: (run: () => Promise<number>) => Promise<void>
  readonly globals: () => { readonly output: Output }
}

/** Commands about whose a zone's name is. */
export function addZoneCommands(program: Command, { io, api, run, globals }: Shared): void {
  const zone = program.command('zone').description('whose the name of a zone is')
  zone
    .command('list')
    .description('every zone, its store, and who else asks for its name')
    .action(() =>
      run(async () => {
        const { zoneList } = await import('./commands/zone.js')
        return zoneList(io, await api(), { output: globals().output })
      }),
    )
  zone
    .command('adopt')
    .description('give the name and leases of a zone to a new store, the old one being gone for good; tells first')
    .argument('<zone>')
    .option('--store-id <uuid>', 'the new store; that which has asked for the name last if not said')
    .option('--yes', 'do it', false)
    .action((name: string, o: { readonly storeId?: string; readonly yes: boolean }) =>
      run(async () => {
        const { zoneAdopt } = await import('./commands/zone.js')
        return zoneAdopt(io, await api(), { zone: name, ...o, output: globals().output })
      }),
    )
  zone
    .command('decommission')
    .description(
      'take a zone out of service for good: its services go, its addresses rest, its name is free; tells first',
    )
    .argument('<zone>')
    .option('--yes', 'do it', false)
    .action((name: string, o: { readonly yes: boolean }) =>
      run(async () => {
        const { zoneDecommission } = await import('./commands/zone.js')
        return zoneDecommission(io, await api(), { zone: name, yes: o.yes, output: globals().output })
      }),
    )
  zone
    .command('federate')
    .description('at a zone that ran by itself: which of its addresses are leased to others, and what becomes of them')
    .option('--yes', 'do it', false)
    .action((o: { readonly yes: boolean }) =>
      run(async () => {
        const { zoneFederate } = await import('./commands/zone.js')
        return zoneFederate(io, await api(), { yes: o.yes, output: globals().output })
      }),
    )
}
