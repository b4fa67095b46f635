import type { Report } from '@holdfast/conformance'
import { InvalidArgumentError, Option } from 'commander'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { CliError, exitStatus, type Io, usageError } from '../io.js'
import { paint } from '../output/colour.js'
import { formatted, type Output } from '../output/format.js'
import { tableText } from '../output/table.js'

export interface ConformanceCommandOptions {
  readonly peer: string
  readonly zone?: string
  readonly exactZone?: boolean
  readonly write?: boolean
  readonly ca?: string
  readonly skipVerify?: boolean
  readonly metadata?: readonly string[]
  readonly kumaVersion: string
  readonly patience: number
  readonly junit?: string
}

/** Plays zones at a KDS global and tells which rules it keeps. */
export async function conformanceKds(io: Io, output: Output, o: ConformanceCommandOptions): Promise<number> {
  // gRPC is loaded by nobody who does not call this.
  const { runConformance, isConformant, junit } = await import('@holdfast/conformance')
  const report = await runConformance({
    peer: o.peer,
    zone: o.zone,
    exactZone: o.exactZone,
    write: o.write,
    skipVerify: o.skipVerify,
    metadata: metadataOf(o.metadata ?? []),
    version: o.kumaVersion,
    patience: { withinMs: o.patience * 1000 },
    signal: io.signal,
    ...(o.ca === undefined ? {} : { ca: Buffer.from(await pem(io, o.ca), 'utf8') }),
  })
  if (o.junit !== undefined) await io.files.writePrivate(o.junit, junit(report))
  io.out.write(formatted(output, { ...report }, () => reportText(io, report)))
  return isConformant(report) ? exitStatus.fine : exitStatus.differs
}

/** Every rule, what became of it and what was seen; how many of each; and what is left behind. */
export function reportText(io: Pick<Io, 'colour'>, { findings, zones, peer }: Report): string {
  const rows = findings.map(({ id, level, rule, outcome, evidence }) => [
    paint(io, colours[outcome], outcome),
    level,
    id,
    rule,
    evidence,
  ])
  const count = (outcome: keyof typeof colours): string =>
    `${findings.filter((finding) => finding.outcome === outcome).length} ${outcome}`
  const left =
    zones.length === 0 ? '' : `It was played: zone ${zones.join(' and zone ')}; ${peer} may keep the names.\n`
  return [
    tableText(['RESULT', 'LEVEL', 'ID', 'RULE', 'EVIDENCE'], rows),
    `\n${count('kept')}, ${count('broken')}, ${count('undecided')}\n`,
    left,
  ].join('')
}

const colours: Readonly<Record<'kept' | 'broken' | 'undecided', 'good' | 'bad' | 'doubtful'>> = {
  kept: 'good',
  broken: 'bad',
  undecided: 'doubtful',
}

async function pem(io: Io, path: string): Promise<string> {
  if ((await io.files.kind(path)) !== 'file') throw new CliError(`${path}: there is no such file`)
  return io.files.read(path)
}

function metadataOf(pairs: readonly string[]): Readonly<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at < 1) throw usageError(`--metadata ${JSON.stringify(pair)} must be KEY=VALUE`)
    found[pair.slice(0, at).toLowerCase()] = pair.slice(at + 1)
  }
  return found
}

function seconds(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 1 || value > 600)
    throw new InvalidArgumentError('It is a number of seconds between 1 and 600.')
  return value
}

const collected = (value: string, before: readonly string[] = []): readonly string[] => [...before, value]

export const conformanceKdsCommand = defineCommand<ConformanceCommandOptions>({
  configure: (command) => {
    command
      .requiredOption('--peer <address>', 'the global: grpc://HOST:PORT, or grpcs://HOST:PORT with TLS')
      .option('--zone <name>', 'beginning of the name of the zone that is played', 'conformance')
      .option('--exact-zone', 'play the zone of exactly that name; it must be one that nobody else is')
      .option('--write', 'also check what needs a service to be written; it is taken back again')
      .option('--ca <file>', "PEM of who signed the global's certificate")
      .option('--skip-verify', "do not check the global's certificate")
      .addOption(
        new Option(
          '--metadata <key=value>',
          'request metadata to send along, such as authorization; repeatable',
        ).argParser(collected),
      )
      .option('--kuma-version <version>', 'version of Kuma that the zone says it is', '2.14.3')
      .addOption(
        new Option('--patience <seconds>', 'how long to wait for what must come').default(15).argParser(seconds),
      )
      .option('--junit <file>', 'write the result as JUnit XML as well')
  },
  outputs: plainOutputs,
  more: 'Plays a zone of Kuma 2.14 that joins, comes back, refuses and asks for what nobody knows, and says which rules of the protocol the global keeps and what was seen of each. It reads, unless --write is given; a global remembers the name of every zone that has joined. Exit status 3 if a rule is broken.',
  examples: [
    ['conformance kds --peer grpc://127.0.0.1:5685', 'what a global keeps, without writing to it'],
    ['conformance kds --peer grpcs://global:5685 --ca ca.pem --write --junit kds.xml', 'all of it, for a CI'],
  ],
  run: async ({ io, output }, _args, options) => conformanceKds(io, output, options),
})
