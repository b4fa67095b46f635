import { type Context, defineCommand, noOutputs } from '../cli/command.js'
import { repeated } from '../cli/options.js'
import { type ControlPlane, configYaml } from '../config/file.js'
import { CliError, exitStatus, usageError } from '../io.js'
import { yamlText } from '../output/format.js'
import { tableText } from '../output/table.js'

/** `config view`: what counts, ours and kumactl's together; tokens are masked. */
async function view({ io, connections }: Context, raw: boolean): Promise<number> {
  const { merged } = await connections()
  const shown = raw ? merged : { ...merged, controlPlanes: merged.controlPlanes.map(masked) }
  io.out.write(yamlText(configYaml(shown)))
  return exitStatus.fine
}

const masked = (each: ControlPlane): ControlPlane =>
  each.authConf === undefined
    ? each
    : { ...each, authConf: Object.fromEntries(Object.keys(each.authConf).map((key) => [key, '*****'])) }

async function list({ io, connections }: Context): Promise<number> {
  const { merged, controlPlanes } = await connections()
  const current = merged.contexts.find(({ name }) => name === merged.currentContext)?.controlPlane
  io.out.write(
    tableText(
      ['ACTIVE', 'NAME', 'ADDRESS'],
      controlPlanes.map(({ name, url }) => [name === current ? '*' : '', name, url]),
    ),
  )
  return exitStatus.fine
}

interface AddOptions {
  readonly name: string
  readonly address: string
  readonly overwrite: boolean
  readonly caCertFile?: string
  readonly clientCertFile?: string
  readonly clientKeyFile?: string
  readonly skipVerify: boolean
  readonly headers?: readonly string[]
  readonly authType?: string
  readonly authConf?: readonly string[]
  readonly skipCheck: boolean
}

async function add({ io, connections, apiAt }: Context, o: AddOptions): Promise<number> {
  if (o.name === '') throw usageError('--name must not be empty')
  if (!/^https?:\/\//.test(o.address) || !URL.canParse(o.address))
    throw usageError(`API Server URL is invalid: ${JSON.stringify(o.address)} is no URL such as http://127.0.0.1:5681`)
  if ((o.clientCertFile === undefined) !== (o.clientKeyFile === undefined))
    throw usageError('--client-cert-file and --client-key-file go together')
  const authConf = o.authConf === undefined ? undefined : pairs('--auth-conf', o.authConf)
  if (o.authType !== undefined && o.authType !== 'tokens')
    throw usageError(`--auth-type ${JSON.stringify(o.authType)} is not known; there is tokens`)
  if (o.authType === 'tokens' && authConf?.token === undefined)
    throw usageError('--auth-conf is not valid: provide token=YOUR_TOKEN')
  const kept = await connections()
  // Before anybody is asked: there is nothing to be done with the answer.
  kept.checkWritable()
  const controlPlane: ControlPlane = {
    name: o.name,
    url: o.address,
    caCertFile: o.caCertFile,
    clientCertFile: o.clientCertFile,
    clientKeyFile: o.clientKeyFile,
    skipVerify: o.skipVerify || undefined,
    headers: Object.entries(pairs('--headers', o.headers ?? [])).map(([key, value]) => ({ key, value })),
    authType: o.authType,
    authConf,
  }
  if (!o.skipCheck) {
    const { product } = await (await apiAt(controlPlane)).server()
    if (product === '')
      throw new CliError(
        `${o.address} is no control plane: it does not say its product and version under /; say another address, or --skip-check`,
      )
  }
  await kept.add(controlPlane, o.overwrite)
  io.out.write(
    `added Control Plane ${JSON.stringify(o.name)}\nswitched active Control Plane to ${JSON.stringify(o.name)}\n`,
  )
  return exitStatus.fine
}

function pairs(flag: string, said: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    said.map((each) => {
      const at = each.indexOf('=')
      if (at < 1) throw usageError(`${flag} ${JSON.stringify(each)} is no NAME=VALUE`)
      return [each.slice(0, at), each.slice(at + 1)]
    }),
  )
}

export const configViewCommand = defineCommand<{ readonly raw: boolean }>({
  configure: (command) => command.option('--raw', 'with tokens as they are', false),
  outputs: noOutputs,
  examples: [['config view', 'what counts: ~/.holdfastctl/config over ~/.kumactl/config']],
  run: (context, _, { raw }) => view(context, raw),
})

export const controlPlanesListCommand = defineCommand({
  outputs: noOutputs,
  examples: [['config control-planes list', 'which there are, and which is active']],
  run: list,
})

export const controlPlanesAddCommand = defineCommand<AddOptions>({
  configure: (command) =>
    command
      .requiredOption('--name <name>', 'a name for it, of the context as well')
      .requiredOption('--address <url>', 'URL of its API')
      .option('--overwrite', 'replace one of that name', false)
      .option('--ca-cert-file <path>', 'certificates (PEM) to trust, instead of those of the machine')
      .option('--client-cert-file <path>', 'certificate (PEM) to show')
      .option('--client-key-file <path>', 'its key (PEM)')
      .option('--skip-verify', 'trust any certificate: for trying only', false)
      .addOption(repeated('--headers <name=value>', 'header of every request; may be given several times'))
      .option('--auth-type <type>', 'tokens')
      .addOption(repeated('--auth-conf <name=value>', 'token=TOKEN'))
      .option('--skip-check', 'do not ask it who it is', false),
  outputs: noOutputs,
  examples: [
    ['config control-planes add --name prod --address https://global.example:5682', 'and make it the active one'],
    [
      'config control-planes add --name prod --address https://global.example:5682 --overwrite --auth-type tokens --auth-conf token=TOKEN',
      'with a user token',
    ],
  ],
  run: (context, _, options) => add(context, options),
})

export const controlPlanesRemoveCommand = defineCommand<{ readonly name: string }>({
  configure: (command) => command.requiredOption('--name <name>', 'which'),
  outputs: noOutputs,
  examples: [['config control-planes remove --name prod', 'and its context']],
  run: async ({ io, connections }, _, { name }) => {
    const next = await (await connections()).remove(name)
    io.out.write(`removed Control Plane ${JSON.stringify(name)}\n`)
    if (next !== undefined) io.out.write(`switched active Control Plane to ${JSON.stringify(next)}\n`)
    return exitStatus.fine
  },
})

export const controlPlanesSwitchCommand = defineCommand<{ readonly name: string }>({
  configure: (command) => command.requiredOption('--name <name>', 'which'),
  outputs: noOutputs,
  examples: [['config control-planes switch --name prod', 'commands go there from now on']],
  run: async ({ io, connections }, _, { name }) => {
    await (await connections()).switchTo(name)
    io.out.write(`switched active Control Plane to ${JSON.stringify(name)}\n`)
    return exitStatus.fine
  },
})
