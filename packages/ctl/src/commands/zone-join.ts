import { type Api, textOf } from '../api.js'
import { defineCommand, noOutputs } from '../cli/command.js'
import { repeated } from '../cli/options.js'
import { exitStatus, type Io } from '../io.js'

export interface ZoneAddOptions {
  readonly zone: string
  /** As Go writes durations: `24h`. */
  readonly validFor?: string | undefined
  readonly addresses: readonly string[]
  /** A file, which only its owner can read; standard output if not said. */
  readonly out?: string | undefined
}

/** `zone add ZONE`: a join bundle, which is a secret until it has expired. */
export async function zoneAdd(io: Io, api: Api, { zone, validFor, addresses, out }: ZoneAddOptions): Promise<number> {
  const bundle = await api.post(`/_holdfast/zones/${encodeURIComponent(zone)}/join`, {
    ...(validFor === undefined ? {} : { validFor }),
    ...(addresses.length === 0 ? {} : { addresses }),
  })
  const text = `${JSON.stringify(bundle, undefined, 2)}\n`
  if (out === undefined) {
    io.out.write(text)
    return exitStatus.fine
  }
  await io.files.writePrivate(out, text)
  const until = textOf(bundle.expiresAt).slice(0, 16).replace('T', ' ')
  io.out.write(
    `wrote ${out}: whoever has it can be zone ${zone} until ${until} UTC; take it to the zone's machine and start there\n` +
      `  holdfast zone --join ${out}\n`,
  )
  return exitStatus.fine
}

/** `zone revoke ZONE`: what the zone was given so far is void. */
export async function zoneRevoke(io: Io, api: Api, { zone }: { readonly zone: string }): Promise<number> {
  await api.post(`/_holdfast/zones/${encodeURIComponent(zone)}/revoke`, {})
  io.out.write(
    `zone ${zone} was revoked: its certificates and tokens are void, and its sessions end; to let it in again: holdfastctl zone add ${zone}\n`,
  )
  return exitStatus.fine
}

export const zoneAddCommand = defineCommand<{
  readonly validFor?: string
  readonly address?: readonly string[]
  readonly out?: string
}>({
  configure: (command) =>
    command
      .argument('<zone>')
      .option('--valid-for <duration>', 'how long it can be used to join, such as 24h; a zone that has joined stays')
      .addOption(repeated('--address <address>', 'where the zone is to dial global; may be given several times'))
      .option('--out <file>', 'write it there, readable by its owner only'),
  outputs: noOutputs,
  examples: [
    ['zone add east --out east.json', 'then, on the machine of the zone: holdfast zone --join east.json'],
    ['zone add east --valid-for 1h --address grpcs://global.example:5685', 'as the zone reaches global'],
  ],
  run: async ({ io, api }, [zone = ''], { validFor, address = [], out }) =>
    zoneAdd(io, await api(), { zone, validFor, addresses: address, out }),
})

export const zoneRevokeCommand = defineCommand({
  configure: (command) => command.argument('<zone>'),
  outputs: noOutputs,
  examples: [['zone revoke east', 'its machine was lost: what it has is worth nothing from now on']],
  run: async ({ io, api }, [zone = '']) => zoneRevoke(io, await api(), { zone }),
})
