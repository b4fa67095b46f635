import { NameTable } from '@holdfast/dns'
import { displayNameLabel, envLabel, hostnameGeneratorOf, jsonSpec, typeOf, zoneLabel } from '@holdfast/model'

const nameOf = (at: number): string => `service-${at}`

const addressOf = (at: number): string => `241.${16 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`

/** So many services of zone east, as zone west names them. */
export function tableOf(count: number): NameTable {
  const spec = jsonSpec(typeOf('HostnameGenerator'), {
    selector: { meshService: { matchLabels: {} } },
    template: '{{ .DisplayName }}.svc.{{ .Zone }}.mesh.local',
  })
  const generator = hostnameGeneratorOf({ name: 'synced', origin: '', ...spec }, 0)
  const table = new NameTable('west', generator === undefined ? [] : [generator])
  for (let at = 0; at < count; at++) {
    const name = nameOf(at)
    const labels = { [displayNameLabel]: name, [envLabel]: 'universal', [zoneLabel]: 'east' }
    const addresses = [addressOf(at), `fd00:1:2::${at.toString(16)}`]
    const ports = [{ name: 'http', port: 80 }]
    table.put({
      ...{ type: 'MeshService', mesh: 'default', name: `${name}-hash`, origin: 'east', createdAtMs: at },
      ...{ labels, addresses, generation: 0, ports },
    })
  }
  return table
}
