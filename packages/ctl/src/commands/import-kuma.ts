import {
  type Copied,
  changeOf,
  type JsonObject,
  type MoveTarget,
  type Moving,
  moveProblem,
  planMove,
  type VipClaim,
} from '@holdfast/model'
import { type Api, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { isUrl, notUrl } from '../cli/globals.js'
import { repeated, yesOption } from '../cli/options.js'
import { type KumaRead, readExport, readRunning } from '../import-kuma/source.js'
import { type ImportResult, type ResourceLine, resultText } from '../import-kuma/text.js'
import { CliError, exitStatus, type Io, usageError } from '../io.js'
import { formatted, type Output } from '../output/format.js'

/** So many are sent at once; the API takes twice as many. */
const objectsPerRequest = 5_000
const claimsPerRequest = 10_000
/** As long as kumactl waits. */
const requestTimeoutMs = 60_000

export interface ImportOptions {
  readonly output: Output
  /** Without it nothing is changed. */
  readonly yes: boolean
}

/**
 * `import kuma`: what a Kuma has becomes ours: resources that its owner may write here, and the addresses that services
 * have in their zones. Exit status 1 if something cannot be taken over.
 */
export async function importKuma(io: Io, api: Api, read: KumaRead, options: ImportOptions): Promise<number> {
  const status = await api.get('/_holdfast/status')
  const target: MoveTarget = { mode: modeOf(status), zone: textOf(status.zone) }
  const problem = moveProblem(read, target)
  if (problem !== undefined) throw usageError(problem)
  const plan = planMove(read, target)
  const existing = await existingOf(api, plan.moving)
  const changes = plan.moving.map((moving) => ({
    moving,
    action: changeOf(moving, existing.get(keyOf(moving.type.name, moving.mesh, moving.name)), target),
  }))
  const due = changes.filter(({ action }) => action !== 'same').map(({ moving }) => moving)
  // Addresses first: a service that is written finds the one that is kept for it.
  const vips = await claim(api, plan.claims, options.yes)
  if (options.yes) await write(api, due)
  const copies = await copy(api, plan.copies, options.yes)
  const resources: readonly ResourceLine[] = [
    ...changes.map(({ moving, action }) => ({
      action,
      ...{ type: moving.type.name, mesh: moving.mesh, name: moving.name },
      why: moving.body.warnings.join('; '),
    })),
    ...copies,
    ...plan.staying.map(({ verdict, ...rest }) => ({ action: verdict, ...rest })),
  ]
  const result: ImportResult = { from: read.what, applied: options.yes, resources, vips }
  for (const warning of read.warnings) io.err.write(`Warning: ${warning}\n`)
  io.out.write(formatted(options.output, result, () => resultText(io, result)))
  const isWhole =
    resources.every(({ action }) => action !== 'cannot') && vips.every(({ verdict }) => verdict !== 'refused')
  return isWhole ? exitStatus.fine : exitStatus.failed
}

function modeOf(status: Readonly<Record<string, unknown>>): MoveTarget['mode'] {
  const mode = textOf(status.mode)
  if (mode === 'global' || mode === 'federated' || mode === 'standalone') return mode
  throw new CliError(
    `the control plane says that its mode is ${JSON.stringify(mode)}, which this holdfastctl does not know`,
  )
}

const keyOf = (type: string, mesh: string, name: string): string => JSON.stringify([type, mesh, name])

/** What is here already of the types that come, by type, mesh and name. */
async function existingOf(api: Api, moving: readonly Moving[]): Promise<ReadonlyMap<string, JsonObject>> {
  const found = new Map<string, JsonObject>()
  const types = new Map(moving.map(({ type }) => [type.name, type]))
  for (const type of types.values())
    for (const item of (await api.list(`/${type.path}`)).items)
      found.set(keyOf(type.name, textOf(item.mesh), textOf(item.name)), item as JsonObject)
  return found
}

async function claim(api: Api, claims: readonly VipClaim[], apply: boolean): Promise<ImportResult['vips']> {
  const verdicts: JsonObject[] = []
  for (let from = 0; from < claims.length; from += claimsPerRequest) {
    const part = claims.slice(from, from + claimsPerRequest)
    const answer = await api.post('/_holdfast/vips/import', { claims: part, apply })
    verdicts.push(...(objectsOf(answer.items) as readonly JsonObject[]))
  }
  return claims.map((each, i) => ({
    ...each,
    verdict: textOf(verdicts[i]?.verdict),
    why: textOf(verdicts[i]?.reason),
  }))
}

/** What zones own, kept for them until they have joined. */
async function copy(api: Api, copies: readonly Copied[], apply: boolean): Promise<readonly ResourceLine[]> {
  const lines: ResourceLine[] = []
  for (const zone of new Set(copies.map((each) => each.zone))) {
    const own = copies.filter((each) => each.zone === zone)
    for (let from = 0; from < own.length; from += objectsPerRequest) {
      const part = own.slice(from, from + objectsPerRequest)
      const objects = part.map(({ object }) => object)
      const answer = await api.post('/_holdfast/import/copies', { zone, objects, apply })
      const verdicts = objectsOf(answer.items)
      lines.push(
        ...part.map(({ type, mesh, name }, i) => ({
          ...{ type: type.name, mesh, name },
          ...copyLine(zone, textOf(verdicts[i]?.verdict), textOf(verdicts[i]?.reason)),
        })),
      )
    }
  }
  return lines
}

function copyLine(zone: string, verdict: string, reason: string): Pick<ResourceLine, 'action' | 'why'> {
  switch (verdict) {
    case 'create':
      return { action: 'copy', why: `${zone}'s, until it joins and says it itself` }
    case 'here':
      return { action: 'same', why: '' }
    case 'met':
      return { action: 'elsewhere', why: `comes with zone ${zone}, which has joined` }
    default:
      return { action: 'cannot', why: reason }
  }
}

async function write(api: Api, due: readonly Moving[]): Promise<void> {
  for (let from = 0; from < due.length; from += objectsPerRequest)
    await api.post('/_apply', { items: due.slice(from, from + objectsPerRequest).map(({ object }) => object) })
}

interface Said {
  readonly from?: string
  readonly fromExport?: string
  readonly fromZone?: string
  readonly fromTokenFile?: string
  readonly fromHeader?: readonly string[]
  readonly fromCaCertFile?: string
  readonly fromClientCertFile?: string
  readonly fromClientKeyFile?: string
  readonly fromSkipVerify?: boolean
  readonly without?: readonly string[]
  readonly systemNamespace?: string
  readonly yes: boolean
}

export const importKumaCommand = defineCommand<Said>({
  configure: (command) =>
    command
      .option('--from <url>', 'HTTP API of a running Kuma, global or zone')
      .option('--from-export <file>', 'what kumactl export has printed, in either format; - for standard input')
      .option('--from-zone <zone>', 'the zone that it is, where it does not say so itself; global for a global')
      .option('--from-token-file <file>', 'token of an administrator of that Kuma')
      .option('--from-ca-cert-file <path>', 'certificates (PEM) to trust for it, instead of those of the machine')
      .option('--from-client-cert-file <path>', 'certificate (PEM) to show it')
      .option('--from-client-key-file <path>', 'its key (PEM)')
      .option('--from-skip-verify', 'trust any certificate of that Kuma: for trying only', false)
      .addOption(
        repeated('--from-header <name: value>', 'header of every request to that Kuma; may be given several times'),
      )
      .addOption(repeated('--without <type>', 'leave a type out, for example Secret; may be given several times'))
      .option('--system-namespace <namespace>', 'where Kuma lives in Kubernetes, if not in kuma-system')
      .addOption(yesOption()),
  outputs: plainOutputs,
  more: `
What a Kuma global has goes to a Holdfast global, what a Kuma zone has to the Holdfast zone of the same name. Given a zone's
to a global, its addresses alone are taken over. Doing it again changes nothing.`,
  examples: [
    ['import kuma --from http://kuma-global:5681', 'what would become of everything'],
    ['import kuma --from http://kuma-global:5681 --yes', 'do it'],
    [
      'import kuma --from https://kuma-global:5682 --from-ca-cert-file kuma-ca.pem --from-token-file admin.token',
      'where its API is asked over TLS, as an administrator',
    ],
    ['import kuma --from-export global.yaml --yes', 'the same, of kumactl export -p all -a'],
    ['import kuma --from http://kuma-zone-1:5681 --yes', 'the addresses that services have in zone-1'],
  ],
  run: async ({ io, api, version, output, connect }, _, said) => {
    const { from, fromExport, fromZone: as, without = [], systemNamespace, yes } = said
    if ((from === undefined) === (fromExport === undefined)) throw usageError('say either --from or --from-export')
    const options = { as, without, systemNamespace }
    // With nothing of ours: neither token nor certificates.
    const kumaAt = async (url: string): Promise<Api> => {
      if (!isUrl(url)) throw usageError(`--from: ${notUrl(url)}`)
      const { Api } = await import('../api.js')
      const headers = await headersOf(io, said)
      const fetch = await connect({
        caCertFile: said.fromCaCertFile,
        clientCertFile: said.fromClientCertFile,
        clientKeyFile: said.fromClientKeyFile,
        skipVerify: said.fromSkipVerify,
      })
      const saidWith = { place: '--from', trust: '--from-ca-cert-file', token: '--from-token-file' }
      return new Api({ url, headers, version, fetch, signal: io.signal, timeoutMs: requestTimeoutMs, saidWith })
    }
    const read =
      fromExport !== undefined
        ? await readExport(io, fromExport, options)
        : await readRunning(await kumaAt(from ?? ''), options)
    return importKuma(io, await api(), read, { output, yes })
  },
})

async function headersOf(io: Io, said: Said): Promise<Readonly<Record<string, string>>> {
  const given = (said.fromHeader ?? []).map((line) => {
    const [name, ...value] = line.split(':')
    if (name === undefined || name === '' || value.length === 0)
      throw usageError(`--from-header: ${JSON.stringify(line)} is no "name: value"`)
    return [name.trim(), value.join(':').trim()] as const
  })
  const token = said.fromTokenFile === undefined ? undefined : (await io.files.read(said.fromTokenFile)).trim()
  return { ...Object.fromEntries(given), ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
}
