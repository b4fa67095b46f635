import { authorityPrefix } from '@holdfast/identity'
import { findType, originLabel, type TypeDescriptor } from '@holdfast/model'
import { Option } from 'commander'
import { type Api, isObject, type JsonObject, objectOf, objectsOf, textOf } from '../api.js'
import { type Context, defineCommand, noOutputs } from '../cli/command.js'
import { exitStatus } from '../io.js'
import { yamlText } from '../output/format.js'

const profiles = ['federation', 'federation-with-policies', 'all', 'no-dataplanes'] as const
type Profile = (typeof profiles)[number]

interface ExportOptions {
  readonly profile: Profile
  readonly format: 'universal' | 'kubernetes'
  readonly systemNamespace: string
  readonly includeAdmin: boolean
}

/** One type of `/_resources`. */
interface Exported {
  readonly type: TypeDescriptor
  readonly path: string
}

/** `export`: everything of a control plane, as documents that can be applied to another one; whole lists, every page. */
async function exportAll({ io, api }: Context, o: ExportOptions): Promise<number> {
  const asked = await api()
  const { index } = await asked.server()
  const said = (key: string): string => String(index[key] ?? '')
  io.out.write(
    `# Product: ${said('product')}, Version: ${said('version')}, Hostname: ${said('hostname')}, ClusterId: ${said('clusterId')}, InstanceId: ${said('instanceId')}\n`,
  )
  const { known, unknown } = await typesOf(asked, o)
  if (unknown.length > 0) {
    io.out.write(`# not exported, for holdfastctl does not know them: ${unknown.join(', ')}\n`)
    io.err.write(`Warning: not exported, for holdfastctl does not know them: ${unknown.join(', ')}\n`)
  }
  const meshes = (await asked.list('/meshes')).items
  const [first, then, last]: [JsonObject[], JsonObject[], JsonObject[]] = [[], [], []]
  const left: string[] = []
  for (const [at, each] of known.entries()) {
    if (io.errIsTerminal === true) io.err.write(`\rexporting ${at + 1} of ${known.length} types …`)
    for (const item of await itemsOf(asked, each, meshes))
      if (each.type.name === 'Mesh') first.push(asImportable(item))
      else if (each.type.name !== 'GlobalSecret') then.push(item)
      else if (isUserKey(item)) last.push(item)
      else if (isOfThisInstallation(textOf(item.name))) left.push(textOf(item.name))
      else then.push(item)
  }
  if (io.errIsTerminal === true) io.err.write('\r\u001b[K')
  if (left.length > 0)
    io.out.write(
      `# not exported, for another installation that takes them breaks its connections: ${left.join(', ')}\n`,
    )
  const isFederation = o.profile === 'federation' || o.profile === 'federation-with-policies'
  for (const item of [...first, ...then, ...last]) {
    io.signal.throwIfAborted()
    const plain = isFederation ? withoutOrigin(item) : item
    const shown = o.format === 'kubernetes' ? await kubernetes(asked, plain, o) : plain
    if (shown !== undefined) io.out.write(`---\n${yamlText(shown)}`)
  }
  return exitStatus.fine
}

/**
 * Authorities of this installation, with their private keys: another one that takes them breaks its own connections, and
 * whoever reads the file could be any zone. A backup has them.
 */
const isOfThisInstallation = (name: string): boolean =>
  name === 'envoy-admin-ca' || name === 'inter-cp-ca' || name.startsWith(authorityPrefix)
/** Importing it ends the login of whoever imports, so it comes last. */
const isUserKey = (item: JsonObject): boolean => textOf(item.name).startsWith('user-token-signing-key')

const order = (name: string): number => (name === 'Mesh' ? 0 : name === 'Secret' ? 1 : name === 'GlobalSecret' ? 3 : 2)

async function typesOf(api: Api, { profile, includeAdmin }: ExportOptions) {
  const listed = objectsOf((await api.get('/_resources')).resources)
  const known: Exported[] = []
  const unknown: string[] = []
  const isFederation = profile === 'federation' || profile === 'federation-with-policies'
  for (const each of listed) {
    const type = findType(textOf(each.name))
    if (type === undefined) {
      unknown.push(textOf(each.name))
      continue
    }
    if (type.admin && !isFederation && !includeAdmin) continue
    if (isFederation && each.includeInFederation !== true) continue
    if (profile === 'federation' && objectOf(each.policy).isTargetRef === true) continue
    if (profile === 'federation' && type.name === 'MeshGateway') continue
    if (profile === 'no-dataplanes' && /^Dataplane(Insight)?$/.test(type.name)) continue
    known.push({ type, path: textOf(each.path) })
  }
  return { known: known.sort((a, b) => order(a.type.name) - order(b.type.name)), unknown }
}

async function itemsOf(
  api: Api,
  { type, path }: Exported,
  meshes: readonly JsonObject[],
): Promise<readonly JsonObject[]> {
  if (type.scope === 'global') return (await api.list(`/${path}`)).items
  const items: JsonObject[] = []
  for (const mesh of meshes)
    items.push(...(await api.list(`/meshes/${encodeURIComponent(textOf(mesh.name))}/${path}`)).items)
  return items
}

/**
 * The mesh as another control plane should take it: its policies come with the export, and a certificate authority that
 * was made there is provided from then on, with the exported key.
 */
function asImportable(mesh: JsonObject): JsonObject {
  const mtls = objectOf(mesh.mtls)
  const backends = objectsOf(mtls.backends)
  const name = textOf(mesh.name)
  const builtin = backends.some(({ type }) => type === 'builtin')
  return {
    ...mesh,
    skipCreatingInitialPolicies: ['*'],
    ...(!builtin
      ? {}
      : {
          mtls: {
            ...mtls,
            skipValidation: true,
            backends: backends.map((backend) =>
              backend.type === 'builtin'
                ? {
                    ...backend,
                    type: 'provided',
                    conf: {
                      cert: { secret: `${name}.ca-builtin-cert-${textOf(backend.name)}` },
                      key: { secret: `${name}.ca-builtin-key-${textOf(backend.name)}` },
                    },
                  }
                : backend,
            ),
          },
        }),
  }
}

/** The point of a federation export is to import it at a global, whose own these are then. */
function withoutOrigin(item: JsonObject): JsonObject {
  if (!isObject(item.labels) || item.labels[originLabel] === undefined) return item
  const labels = Object.fromEntries(Object.entries(item.labels).filter(([key]) => key !== originLabel))
  return { ...item, labels }
}

const bookkeeping = ['resourceVersion', 'ownerReferences', 'uid', 'generation', 'managedFields']

async function kubernetes(api: Api, item: JsonObject, o: ExportOptions): Promise<JsonObject | undefined> {
  const type = findType(textOf(item.type))
  const mesh = textOf(item.mesh)
  const path = `${mesh === '' ? '' : `/meshes/${encodeURIComponent(mesh)}`}/${type?.path}/${encodeURIComponent(textOf(item.name))}`
  const object = await api.get(`${path}?format=k8s&namespace=${encodeURIComponent(o.systemNamespace)}`)
  const metadata = objectOf(object.metadata)
  const namespace = metadata.namespace
  if (o.profile !== 'all' && typeof namespace === 'string' && namespace !== o.systemNamespace) return undefined
  const { labels, ...rest } = Object.fromEntries(Object.entries(metadata).filter(([key]) => !bookkeeping.includes(key)))
  const own = isObject(item.labels) ? item.labels : {}
  const kept = Object.fromEntries(Object.entries(objectOf(labels)).filter(([key]) => key in own))
  const { type: _, mesh: __, name: ___, creationTime, modificationTime, labels: ____, kri, ...spec } = item
  return {
    ...object,
    metadata: { ...rest, ...(labels === undefined ? {} : { labels: kept }) },
    ...(type?.name === 'Mesh' ? { spec } : {}),
  }
}

export const exportCommand = defineCommand<ExportOptions>({
  configure: (command) =>
    command
      .addOption(new Option('-p, --profile <profile>', 'what').choices(profiles).default('federation'))
      .addOption(
        new Option('-f, --format <format>', 'for whom').choices(['universal', 'kubernetes']).default('universal'),
      )
      .option('-n, --system-namespace <namespace>', 'namespace of the control plane, in Kubernetes', 'kuma-system')
      .option('-a, --include-admin', 'secrets as well, with --profile all or no-dataplanes', false),
  outputs: noOutputs,
  more: `federation: what a global takes over from a zone: meshes, secrets and what is not a policy. federation-with-policies: and the
policies. all: everything but secrets. no-dataplanes: all without Dataplanes. Unlike kumactl it leaves nothing out beyond the first
hundred of a type. The authorities that this installation's certificates are of are in none of them: 'holdfast backup' keeps those.`,
  examples: [
    ['export > mesh.yaml', 'what a global takes over'],
    ['export --profile all --include-admin > everything.yaml', 'everything, secrets as well'],
    ['export --profile federation-with-policies -f kubernetes > k8s.yaml', 'as Kubernetes objects'],
  ],
  run: (context, _, options) => exportAll(context, options),
})
