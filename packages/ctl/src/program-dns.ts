import type { Command } from 'commander'
import { Option } from 'commander'
import type { Api } from './api.js'
import type { Io } from './io.js'
import type { Output } from './output/format.js'

export interface DnsProgram {
  readonly io: Io
  readonly api: () => Promise<Api>
  readonly run: (run: () => Promise<number>) => Promise<void>
  readonly output: () => Output
}

/** `holdfastctl dns …`: what a zone answers, and where that comes from. */
export function addDnsCommands(program: Command, { io, api, run, output }: DnsProgram): void {
  const dns = program.command('dns').description('names that a zone answers')
  const zoneOption = () => new Option('--zone <zone>', 'zone to ask, at global')
  dns
    .command('lookup')
    .description('what is answered for a name; exit status 1 if nothing is')
    .argument('<name>', 'for example web.svc.mesh.local')
    .addOption(zoneOption())
    .addOption(new Option('-t, --type <type>', 'kind of record: A, AAAA, SRV, PTR, SOA').default('A'))
    .option('--explain', 'which service, generator and generation it comes from', false)
    .action((name: string, o: { readonly zone?: string; readonly type: string; readonly explain: boolean }) =>
      run(async () => {
        const { dnsLookup } = await import('./commands/dns.js')
        return dnsLookup(io, await api(), { ...o, name, output: output() })
      }),
    )
  dns
    .command('status')
    .description('whether a zone answers, and whether that is what ledger and store have; exit status 1 if not')
    .addOption(zoneOption())
    .action((o: { readonly zone?: string }) =>
      run(async () => {
        const { dnsStatus } = await import('./commands/dns.js')
        return dnsStatus(io, await api(), { ...o, output: output() })
      }),
    )
  dns
    .command('unserved')
    .description('names that services should have and have not, and why')
    .action(() =>
      run(async () => {
        const { dnsUnserved } = await import('./commands/dns.js')
        return dnsUnserved(io, await api(), { output: output() })
      }),
    )
}
