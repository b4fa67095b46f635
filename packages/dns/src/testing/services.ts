import {
  defaultHostnameGenerators,
  displayNameLabel,
  envLabel,
  type HostnameGenerator,
  hostnameGeneratorOf,
  jsonSpec,
  typeOf,
  zoneLabel,
} from '@holdfast/model'
import { servedBy } from '../table/authority.js'
import type { ServedService } from '../table/served.js'
import { NameTable } from '../table/table.js'

export interface ServiceFacts {
  readonly name: string
  readonly type?: string
  readonly mesh?: string
  /** Zone that owns it; '' is global. */
  readonly origin?: string
  readonly createdAtMs?: number
  readonly addresses?: readonly string[]
  readonly ports?: ServedService['ports']
}

export const service = (facts: ServiceFacts): ServedService => {
  const { name, type = 'MeshService', mesh = 'default', origin = 'east', createdAtMs = 0 } = facts
  return {
    type,
    mesh,
    name: origin === 'east' ? name : `${name}-${origin}`,
    origin,
    createdAtMs,
    labels: { [displayNameLabel]: name, [envLabel]: 'universal', ...(origin === '' ? {} : { [zoneLabel]: origin }) },
    addresses: facts.addresses ?? ['241.16.0.1', 'fd00::1'],
    generation: 0,
    ports: facts.ports ?? [{ name: 'http', port: 80 }],
  }
}

export const generator = (
  name: string,
  template: string,
  { selects = 'meshService', origin = '', createdAtMs = 0, matchLabels = {} } = {},
): HostnameGenerator => {
  const spec = { selector: { [selects]: { matchLabels } }, template }
  const made = hostnameGeneratorOf({ name, origin, ...jsonSpec(typeOf('HostnameGenerator'), spec) }, createdAtMs)
  if (made === undefined) throw new Error(`${name} selects nothing`)
  return made
}

/** Kuma's, as zone east has them: global's and its own. */
export const defaultGenerators = (): readonly HostnameGenerator[] =>
  (['global', 'zone'] as const).flatMap((role) =>
    defaultHostnameGenerators(role).flatMap(({ name, spec }) => {
      const origin = role === 'global' ? '' : 'east'
      return hostnameGeneratorOf({ name, origin, ...jsonSpec(typeOf('HostnameGenerator'), spec) }, 0) ?? []
    }),
  )

export const pools = ['241.0.0.0/8', '242.0.0.0/8', '243.0.0.0/8', 'fd00:1:2::/50']

/** What zone east serves. */
export function served(services: readonly ServedService[], generators = defaultGenerators()) {
  const table = new NameTable('east', generators)
  for (const each of services) table.put(each)
  return servedBy(table, pools, 7)
}
