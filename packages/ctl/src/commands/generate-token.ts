import { randomUUID } from 'node:crypto'
import {
  type Claims,
  controlPlaneScope,
  goDurationText,
  issueToken,
  parseGoDuration,
  readRsaKey,
} from '@holdfast/identity'
import { type Command, Option } from 'commander'
import { type Context, defineCommand, noOutputs } from '../cli/command.js'
import { repeated } from '../cli/options.js'
import { CliError, exitStatus, usageError } from '../io.js'

/** What every kind of token takes. */
interface TokenOptions {
  readonly validFor: string
  readonly signingKeyPath?: string
  readonly kid?: string
}

const tokenOptions = (command: Command): Command =>
  command
    .requiredOption('--valid-for <duration>', 'how long the token is good, such as 24h')
    .option(
      '--signing-key-path <file>',
      'private key (PEM) to sign with here, without asking the control plane; --kid says which it is there',
    )
    .option('--kid <id>', 'number of that key at the control plane, such as 2')

/**
 * Prints a token and nothing else, so that it can go into a file or a variable: issued by the control plane, or signed
 * here with a key that it believes.
 */
async function printToken(
  { io, api }: Context,
  claims: Claims,
  { validFor, signingKeyPath, kid }: TokenOptions,
): Promise<number> {
  const validForMs = parseGoDuration(validFor)
  if (validForMs === undefined || validForMs === 0)
    throw usageError(`--valid-for ${JSON.stringify(validFor)} is no duration such as 24h or 1h30m`)
  if (signingKeyPath === undefined) {
    if (kid !== undefined)
      throw usageError('--kid says which key is at --signing-key-path: give both, or neither to ask the control plane')
    const body = { ...requestOf(claims), validFor: goDurationText(validForMs) }
    io.out.write(await (await (await api()).open('POST', `/tokens/${claims.kind}`, { body })).text())
    return exitStatus.fine
  }
  if (kid === undefined || kid === '')
    throw usageError('--kid is required when --signing-key-path is used: the number of that key at the control plane')
  const key = readRsaKey(Buffer.from(await readKey(io, signingKeyPath)))
  if (key === undefined || key.type !== 'private')
    throw new CliError(
      `${signingKeyPath} holds no private RSA key in PEM; make one with 'holdfastctl generate signing-key --format pem'`,
    )
  const token = { claims, key: { keyId: kid, key }, nowMs: io.nowMs(), validForMs, tokenId: randomUUID() }
  io.out.write(await issueToken(token))
  return exitStatus.fine
}

/** @throws CliError if there is no such file */
export async function readKey(io: Context['io'], path: string): Promise<string> {
  if ((await io.files.kind(path)) === 'file') return io.files.read(path)
  throw new CliError(`there is no file ${path} to read a signing key from`)
}

/** As the API wants it. */
function requestOf(claims: Claims): Readonly<Record<string, unknown>> {
  const { kind: _, ...request } = claims
  return request
}

export const userTokenCommand = defineCommand<TokenOptions & { readonly name: string; readonly group?: string[] }>({
  configure: (command) =>
    tokenOptions(
      command
        .requiredOption('--name <name>', 'whom the token speaks for; stands in the audit log')
        .addOption(repeated('--group <group>', 'of which they are a member; may be given several times')),
    ),
  outputs: noOutputs,
  examples: [
    ['generate user-token --name ann --group team-a --valid-for 720h > ann.token', 'for HOLDFAST_TOKEN, or kumactl'],
    [
      'generate user-token --name ann --valid-for 24h --signing-key-path key.pem --kid 2',
      'without asking: key 2 of the control plane is at hand',
    ],
  ],
  run: async (context, _, { name, group = [], ...options }) => {
    if (name === '') throw usageError('--name must not be empty')
    return printToken(context, { kind: 'user', name, groups: group }, options)
  },
})

/** Scopes as Kuma has them, and the one with which a control plane joins. */
const scopes = ['ingress', 'egress', controlPlaneScope]

export const zoneTokenCommand = defineCommand<TokenOptions & { readonly zone: string; readonly scope?: string[] }>({
  configure: (command) =>
    tokenOptions(
      command
        .requiredOption('--zone <zone>', 'which zone it proves to be')
        .addOption(
          repeated(
            '--scope <scope>',
            `what of the zone: ${scopes.join(', ')} (its control plane), with commas or several times; ingress and egress if not said`,
          ),
        ),
    ),
  outputs: noOutputs,
  more: `A zone of Holdfast joins with a bundle ('zone add'), which has such a token in it. A token by itself is for
--zone-token-file of a zone, and for whatever sends one with its calls.`,
  examples: [
    ['generate zone-token --zone east --scope cp --valid-for 24h > token', 'for holdfast zone --zone-token-file token'],
    ['generate zone-token --zone east --valid-for 24h', "for the zone's ingress and egress"],
  ],
  run: async (context, _, { zone, scope, ...options }) => {
    if (zone === '') throw usageError('--zone must not be empty')
    const said = scope?.flatMap((one) => one.split(',')) ?? ['ingress', 'egress']
    const unknown = said.filter((one) => !scopes.includes(one))
    if (unknown.length > 0) throw usageError(`--scope ${unknown.join(',')} is unknown; there are ${scopes.join(', ')}`)
    return printToken(context, { kind: 'zone', zone, scope: said }, options)
  },
})

export const dataplaneTokenCommand = defineCommand<
  TokenOptions & {
    readonly name?: string
    readonly proxyType?: string
    readonly tag?: string[]
    readonly workload?: string
  }
>({
  configure: (command) =>
    tokenOptions(
      command
        .option('--name <name>', 'the only Dataplane that may use it')
        .addOption(new Option('--proxy-type <type>', 'what it is for').choices(['dataplane', 'ingress']))
        .addOption(
          repeated(
            '--tag <key=value>',
            'values that its inbounds may have of a tag, with commas between; may be given several times',
          ),
        )
        .option('--workload <workload>', 'value that the label kuma.io/workload must have'),
    ),
  outputs: noOutputs,
  examples: [
    ['generate dataplane-token -m demo --name web-1 --valid-for 24h', 'for one Dataplane'],
    ['generate dataplane-token -m demo --tag kuma.io/service=web,web-api --valid-for 24h', 'for those of two services'],
  ],
  run: async (context, _, { name = '', proxyType: type = '', tag = [], workload = '', ...options }) =>
    printToken(context, { kind: 'dataplane', name, mesh: context.mesh, tags: tagsOf(tag), type, workload }, options),
})

/** `a=1,2` and `b=3`: what has no `=` is one more value of the tag before it. */
function tagsOf(given: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const tags: Record<string, string[]> = {}
  for (const text of given) {
    let key = ''
    for (const part of text.split(',')) {
      const at = part.indexOf('=')
      if (at > 0) key = part.slice(0, at)
      if (key === '' || part === '' || at === 0)
        throw usageError(`--tag ${JSON.stringify(text)} must be KEY=VALUE, or KEY=VALUE,VALUE`)
      tags[key] = [...(tags[key] ?? []), at > 0 ? part.slice(at + 1) : part]
    }
  }
  return tags
}
