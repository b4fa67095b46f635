import { z } from 'zod'
import { type Finding, strict, warning } from './finding.js'
import { joinPath } from './json.js'
import { int32, omitEmpty } from './schema.js'

/** Protocols that Kuma 2.14 routes by; anything else is carried as tcp. */
export const protocols = ['grpc', 'http', 'http2', 'kafka', 'tcp'] as const

/** A port of a MeshService or MeshMultiZoneService. */
export const servicePort = z.looseObject({
  name: z.string().optional(),
  port: int32,
  targetPort: z.union([int32, z.string()]).optional(),
  appProtocol: omitEmpty(z.string()).default('tcp'),
})
export type ServicePort = z.infer<typeof servicePort>

export const isPort = (port: number): boolean => port >= 1 && port <= 65_535
export const portRange = 'must be between 1 and 65535'

/**
 * What Kuma 2.14 stores and then cannot serve: numbers that are no ports, and two ports that are one (the same number
 * and protocol).
 */
export function* portFindings(ports: readonly ServicePort[]): Iterable<Finding> {
  const seen = new Map<string, string>()
  for (const [index, { name, port, targetPort, appProtocol }] of ports.entries()) {
    const path = joinPath('spec.ports', index)
    if (!isPort(port)) yield strict(`${path}.port`, portRange)
    if (typeof targetPort === 'number' && !isPort(targetPort)) yield strict(`${path}.targetPort`, portRange)
    const key = `${port}/${appProtocol.toLowerCase()}`
    const first = seen.get(key)
    if (first === undefined) seen.set(key, path)
    else yield strict(path, `port ${port} with protocol ${appProtocol} is already defined by ${first}`)
    if (name !== undefined && !rfc1123Label.test(name))
      yield warning(`${path}.name`, `"${name}" cannot be part of a server name (SNI): ${labelReason}`)
  }
}

const rfc1123Label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/
const labelReason =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

/** Unknown to Kuma's parser of protocols, which knows them in any case. */
export const isKnownProtocol = (protocol: string): boolean =>
  [...protocols, 'tls', 'mysql'].includes(protocol.toLowerCase())
