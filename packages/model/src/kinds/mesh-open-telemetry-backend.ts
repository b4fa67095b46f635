import { z } from 'zod'
import { isDnsName, isIp } from './addresses.js'
import { type Finding, strict } from './finding.js'
import { keptKind } from './json-kind.js'
import { portFindings } from './numbers.js'

const endpoint = z.looseObject({
  address: z.string().optional(),
  port: z.int32().optional(),
  path: z.string().optional(),
})

/** A collector of telemetry, for policies to refer to. */
const schema = z.looseObject({
  endpoint: endpoint.optional(),
  protocol: z.enum(['grpc', 'http']).optional(),
  env: z
    .looseObject({
      mode: z.enum(['Disabled', 'Optional', 'Required']).default('Optional'),
      precedence: z.enum(['ExplicitFirst', 'EnvFirst']).default('EnvFirst'),
      allowSignalOverrides: z.boolean().optional(),
    })
    .optional(),
})

export type MeshOpenTelemetryBackendSpec = z.infer<typeof schema>
export const meshOpenTelemetryBackendKind = keptKind('MeshOpenTelemetryBackend', schema, findings)

function* findings({ endpoint: given, protocol = 'grpc' }: MeshOpenTelemetryBackendSpec): Iterable<Finding> {
  if (given === undefined) return
  const { address, port, path = '' } = given
  if (address === '') yield strict('spec.endpoint.address', 'must not be empty')
  else if (address !== undefined && !isIp(address) && !isDnsName(address))
    yield strict('spec.endpoint.address', 'address has to be a valid IP or hostname')
  if (port !== undefined) yield* portFindings('spec.endpoint.port', port)
  if (path === '') return
  if (protocol === 'grpc') yield strict('spec.endpoint.path', 'must not be set when protocol is grpc')
  else {
    if (!path.startsWith('/')) yield strict('spec.endpoint.path', 'must start with /')
    if (/[?#]/.test(path)) yield strict('spec.endpoint.path', 'must not contain query or fragment')
  }
}
