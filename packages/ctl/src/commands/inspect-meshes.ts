import { type JsonObject, objectOf, textOf } from '../api.js'
import { defineCommand, plainOutputs } from '../cli/command.js'
import { exitStatus } from '../io.js'
import { formatted } from '../output/format.js'
import { tableText } from '../output/table.js'

const count = (value: unknown): string => {
  const { online = 0, total = 0 } = objectOf(value)
  return `${String(online)}/${String(total)}`
}

const serviceTypes = ['MeshService', 'MeshMultiZoneService', 'MeshExternalService'] as const

/** Services that are resources; where there are none, what Kuma makes of the tags of Dataplanes. */
function servicesOf({ resources, services }: JsonObject): number {
  const all = serviceTypes.map((type) => Number(objectOf(objectOf(resources)[type]).total ?? 0))
  const sum = all.reduce((one, other) => one + other, 0)
  return sum > 0 ? sum : Number(objectOf(services).total ?? 0)
}

/** `inspect meshes`: what is in each mesh, counted by the control plane. */
export const inspectMeshesCommand = defineCommand({
  outputs: plainOutputs,
  examples: [['inspect meshes', 'proxies, services, policies and resources of each']],
  run: async ({ io, api, output }) => {
    const { items } = await (await api()).list('/mesh-insights')
    io.out.write(
      formatted(output, { total: items.length, items, next: null }, () =>
        tableText(
          ['MESH', 'DATAPLANES', 'SERVICES', 'POLICIES', 'RESOURCES'],
          items.map((item) => {
            const sum = (counted: unknown): number =>
              Object.values(objectOf(counted)).reduce<number>((all, each) => all + Number(objectOf(each).total ?? 0), 0)
            return [
              textOf(item.name),
              count(item.dataplanes),
              String(servicesOf(item)),
              String(sum(item.policies)),
              String(sum(item.resources)),
            ]
          }),
        ),
      ),
    )
    return exitStatus.fine
  },
})
