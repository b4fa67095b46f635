import { shownState, shownVips } from '@holdfast/model'
import { type Api, isObject, type JsonObject, objectsOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { allMeshesOption } from '../cli/options.js'
import { exitStatus, type Io } from '../io.js'
import { ageText } from '../output/age.js'
import { formatted, type Output } from '../output/format.js'
import { displayNameOf, zoneOf } from '../output/services.js'
import { tableText } from '../output/table.js'

export interface InspectServicesOptions {
  readonly mesh: string
  readonly allMeshes: boolean
  readonly output: Output
}

const headers = ['NAME', 'ZONE', 'MESH', 'STATE', 'CONNECTED', 'HEALTHY', 'TOTAL', 'TLS', 'PORTS', 'VIP', 'MADE BY']
const generator = 'meshservice-generator'
const managedByLabel = 'kuma.io/managed-by'
const graceLabel = 'kuma.io/deletion-grace-period-started-at'
const problemHeaders = ['MESH', 'SERVICE', 'REASON', 'SINCE', 'WHAT TO DO']

/** `inspect services`: what serves each MeshService, who has made it, and which could not be made as their Dataplanes are. */
export async function inspectServices(io: Io, api: Api, options: InspectServicesOptions): Promise<number> {
  const { mesh, allMeshes, output } = options
  const { items } = await api.list(allMeshes ? '/meshservices' : `/meshes/${encodeURIComponent(mesh)}/meshservices`)
  const all = objectsOf((await api.tell('/_holdfast/services/problems', 'items')).items)
  const problems = allMeshes ? all : all.filter((problem) => problem.mesh === mesh)
  const body = { total: items.length, items, problems, next: null }
  io.out.write(
    formatted(output, body, () => {
      const services = tableText(
        headers,
        items.map((item) => serviceRow(item, io.nowMs())),
      )
      return problems.length === 0 ? services : `${services}\n${problemTable(problems, io.nowMs())}`
    }),
  )
  return exitStatus.fine
}

function serviceRow(item: JsonObject, nowMs: number): readonly string[] {
  const status = objectOf(item.status)
  const proxies = objectOf(status.dataplaneProxies)
  const count = (key: string): string => String(Number(proxies[key] ?? 0))
  return [
    displayNameOf(item),
    zoneOf(item),
    textOf(item.mesh),
    shownState(item),
    ...['connected', 'healthy', 'total'].map(count),
    textOf(objectOf(status.tls).status),
    objectsOf(objectOf(item.spec).ports)
      .map(({ port }) => String(port))
      .join(', '),
    shownVips(item).join(', '),
    madeBy(objectOf(item.labels), nowMs),
  ]
}

/** A service that no Dataplane makes any more says for how long; what manages others has a name of its own. */
function madeBy(labels: JsonObject, nowMs: number): string {
  const manager = textOf(labels[managedByLabel])
  if (manager !== generator) return manager === '' ? 'hand' : manager
  const started = labels[graceLabel]
  return started === undefined ? 'Dataplanes' : `Dataplanes, in grace for ${ageText(started, nowMs)}`
}

const problemTable = (problems: readonly JsonObject[], nowMs: number): string =>
  tableText(
    problemHeaders,
    problems.map((problem) => [
      textOf(problem.mesh),
      textOf(problem.name),
      textOf(problem.reason),
      ageText(problem.since, nowMs),
      textOf(problem.message),
    ]),
  )

const objectOf = (value: unknown): JsonObject => (isObject(value) ? value : {})

export const inspectServicesCommand = defineCommand<{ readonly allMeshes: boolean }>({
  configure: (command) => command.addOption(allMeshesOption()),
  outputs: plainOutputs,
  examples: [
    ['inspect services', 'of mesh default'],
    ['inspect services -A', 'of every mesh'],
  ],
  run: async ({ io, api, mesh, output }, _, { allMeshes }) =>
    inspectServices(io, await api(), { mesh, allMeshes, output }),
})
