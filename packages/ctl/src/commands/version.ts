import { type Context, defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus } from '../io.js'
import { formatted } from '../output/format.js'
import { compareVersions, type ServerSaid } from '../server.js'

/** `version`: of the program, and of the control plane where one answers. As with kumactl its absence is no error. */
async function showVersion({ io, api, version, output }: Context, detailed: boolean): Promise<number> {
  const asked = await api()
  let server: ServerSaid | undefined
  let problem = ''
  try {
    server = await asked.server()
  } catch (error) {
    problem = (error as Error).message
  }
  const body = {
    client: { product: 'Holdfast', version, node: process.version },
    server: server === undefined ? null : { url: asked.url, ...server.index },
  }
  io.out.write(
    formatted(output, body, () =>
      [
        `Client: Holdfast ${version}${detailed ? ` (Node ${process.version})` : ''}\n`,
        ...(server === undefined ? [] : [serverText(server, asked.url, detailed)]),
      ].join(''),
    ),
  )
  if (server === undefined) io.err.write(`Unable to connect to control plane: ${problem}\n`)
  else if (server.holdfast !== undefined && compareVersions(server.holdfast, version) !== 0)
    io.err.write(
      `Warning: this is holdfastctl ${version}, and the control plane is Holdfast ${server.holdfast}; most commands work all the same\n`,
    )
  return exitStatus.fine
}

function serverText({ product, version, holdfast, index }: ServerSaid, url: string, detailed: boolean): string {
  if (product === '') return `Server: ${url} is no control plane\n`
  const name =
    holdfast === undefined
      ? `${product} ${version}`
      : `Holdfast ${holdfast} (speaks as ${product} ${version.split('-')[0]})`
  return detailed ? `Server: ${name}\n${JSON.stringify(index, null, 2)}\n` : `Server: ${name}\n`
}

export const versionCommand = defineCommand<{ readonly detailed: boolean }>({
  configure: (command) => command.option('-a, --detailed', 'all that the control plane says of itself', false),
  outputs: plainOutputs,
  examples: [
    ['version', 'of this program and of the control plane'],
    ['version -a', 'with ids and host name'],
  ],
  run: (context, _, { detailed }) => showVersion(context, detailed),
})
