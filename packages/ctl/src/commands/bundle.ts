import { gzipSync } from 'node:zlib'
import { type Api, ApiFailure, type JsonObject, objectsOf, textOf } from '../api.js'
import { maskedText, maskedValue } from '../bundle/mask.js'
import { tarOf } from '../bundle/tar.js'
import { standingOf } from '../changes/standing.js'
import { type Context, defineCommand, noOutputs } from '../cli/command.js'
import { repeated } from '../cli/options.js'
import { exitStatus } from '../io.js'

interface BundleOptions {
  readonly to?: string
  readonly also?: readonly string[]
  readonly resources: boolean
}

/** What whoever helps asks for first. A control plane that lacks one of them is asked for the others. */
const pages: readonly (readonly [file: string, path: string])[] = [
  ['index', '/'],
  ['config', '/config'],
  ['overview', '/_holdfast/overview'],
  ['status', '/_holdfast/status'],
  ['sync', '/_holdfast/sync'],
  ['zones', '/_holdfast/zones'],
  ['zone-overviews', '/zones/_overview?size=1000'],
  ['refused', '/_holdfast/refused'],
  ['holds', '/_holdfast/holds?all=true'],
  ['hooks', '/_holdfast/hooks'],
  ['types', '/_holdfast/types'],
  ['vip-blocks', '/_holdfast/vips/blocks'],
  ['vip-verify', '/_holdfast/vips/verify'],
  ['vip-history', '/_holdfast/vips/history?size=1000'],
  ['services', '/_holdfast/services/problems'],
  ['recovery', '/_holdfast/recovery'],
  ['audit', '/_holdfast/audit?size=1000'],
  ['mesh-insights', '/mesh-insights?size=1000'],
]

/** What a zone is asked of itself; global asks every zone. */
const pagesOfZone: typeof pages = [
  ['sync-diff', '/_holdfast/sync/diff'],
  ['dns', '/_holdfast/dns'],
]

/** `bundle`: one file with what somebody needs who is to help, and no secret in it. */
async function bundle(context: Context, o: BundleOptions): Promise<number> {
  const { io, version } = context
  const api = await context.api()
  const at = new Date(io.nowMs()).toISOString()
  const files = new Map<string, string>()
  const missing: string[] = []
  const take = async (file: string, what: string, ask: () => Promise<string>): Promise<void> => {
    io.signal.throwIfAborted()
    if (io.errIsTerminal === true) io.err.write(`\r\u001b[K${what} …`)
    try {
      files.set(file, await ask())
    } catch (error) {
      io.signal.throwIfAborted()
      missing.push(`${what}: ${(error as Error).message.split('\n')[0]}`)
    }
  }
  const { mode } = await standingOf(api).catch(() => ({ mode: undefined }))
  for (const [file, path] of mode === 'global' ? pages : [...pages, ...pagesOfZone])
    await take(`${file}.json`, path, async () => jsonOf(await api.get(path)))
  for (const zone of await zonesOf(api)) {
    const query = new URLSearchParams({ zone })
    await take(`zones/${zone}-sync-diff.json`, `sync diff of zone ${zone}`, async () =>
      jsonOf(await api.get(`/_holdfast/sync/diff?${query}`)),
    )
    await take(`zones/${zone}-dns.json`, `dns of zone ${zone}`, async () =>
      jsonOf(await api.get(`/_holdfast/dns?${query}`)),
    )
  }
  if (o.resources)
    for (const [file, path] of await lists(api))
      await take(`resources/${file}.json`, path, async () => jsonOf(await api.list(path)))
  for (const url of o.also ?? [])
    await take(`also/${url.replace(/^https?:\/\//, '').replace(/[^\w.-]+/g, '_')}.txt`, url, async () => {
      const response = await (await context.connect())(url, { method: 'GET', signal: io.signal })
      return maskedText(await response.text())
    })
  if (io.errIsTerminal === true) io.err.write('\r\u001b[K')
  files.set(
    'README.txt',
    [
      `Made by holdfastctl ${version} at ${at} of ${maskedText(api.url)}. Tokens, keys, passwords and the data of secrets are masked.`,
      ...(missing.length === 0 ? [] : ['', 'Not there:', ...missing.map((line) => `  ${maskedText(line)}`)]),
      '',
    ].join('\n'),
  )
  const folder = `holdfast-bundle-${at.slice(0, 19).replace(/[-:]/g, '').replace('T', '-')}`
  const path = o.to ?? `${folder}.tar.gz`
  await io.files.writePrivate(path, gzipSync(tarOf(folder, files, io.nowMs())))
  io.out.write(
    `${path}: ${files.size} files${missing.length === 0 ? '' : `, ${missing.length} could not be had (see README.txt in it)`}\n`,
  )
  return exitStatus.fine
}

const jsonOf = (value: unknown): string => `${JSON.stringify(maskedValue(value), null, 2)}\n`

/** Global knows most of a zone by asking it; a zone has none. */
async function zonesOf(api: Api): Promise<readonly string[]> {
  try {
    return (await api.list('/_holdfast/zones')).items.map(({ name }) => textOf(name))
  } catch (error) {
    if (error instanceof ApiFailure) return []
    throw error
  }
}

/** Every type but those that are nothing but secret. */
async function lists(api: Api): Promise<readonly (readonly [string, string])[]> {
  try {
    return objectsOf((await api.get('/_resources')).resources)
      .filter(({ name }: JsonObject) => name !== 'Secret' && name !== 'GlobalSecret')
      .map(({ path }) => [textOf(path), `/${textOf(path)}`] as const)
  } catch (error) {
    if (error instanceof ApiFailure) return []
    throw error
  }
}

export const bundleCommand = defineCommand<BundleOptions>({
  configure: (command) =>
    command
      .option('--to <path>', 'where to write it; holdfast-bundle-TIME.tar.gz if not said')
      .option('--no-resources', 'without the resources themselves')
      .addOption(repeated('--also <url>', 'another page, for example of metrics; may be given several times')),
  outputs: noOutputs,
  more: `What a control plane knows of itself and its peers, its configuration and its resources. Tokens, keys, passwords and whatever
is called so are masked; secrets are left out. Look through it before you give it away all the same.`,
  examples: [
    ['bundle', 'everything that somebody needs who is to help'],
    ['bundle --also http://127.0.0.1:5680/metrics', 'and the metrics'],
  ],
  run: (context, _, options) => bundle(context, options),
})
