import { z } from 'zod'
import { isDnsName, isIp } from './addresses.js'
import { shownObjects, shownSpec, shownText, wideColumn } from './columns.js'
import { type Finding, refused, strict } from './finding.js'
import { jsonKind } from './json-kind.js'
import { int32 } from './schema.js'
import { serviceColumns } from './service-columns.js'
import { tlsVersionFindings, tlsVersions } from './tls-versions.js'

/** Both shapes: up to 2.14 `secret`, `inline`, `inlineString`; later a type and the member that it names. */
const dataSource = z.looseObject({
  secret: z.string().optional(),
  inline: z.base64().optional(),
  inlineString: z.string().optional(),
})

/** A destination outside the mesh. */
const schema = z.looseObject({
  match: z.looseObject({
    type: z.enum(['HostnameGenerator']).default('HostnameGenerator'),
    port: int32,
    protocol: z.enum(['tcp', 'grpc', 'http', 'http2']).default('tcp'),
  }),
  extension: z.looseObject({ type: z.string(), config: z.unknown().optional() }).optional(),
  endpoints: z
    .array(
      z.looseObject({
        address: z.string().min(1),
        port: int32,
        priority: int32.optional(),
      }),
    )
    .optional(),
  tls: z
    .looseObject({
      enabled: z.boolean().default(false),
      version: tlsVersions.optional(),
      allowRenegotiation: z.boolean().default(false),
      verification: z
        .looseObject({
          mode: z.enum(['SkipSAN', 'SkipCA', 'Secured', 'SkipAll']).default('Secured'),
          serverName: z.string().optional(),
          subjectAltNames: z
            .array(z.looseObject({ type: z.enum(['Exact', 'Prefix']).default('Exact'), value: z.string() }))
            .optional(),
          caCert: dataSource.optional(),
          clientCert: dataSource.optional(),
          clientKey: dataSource.optional(),
        })
        .optional(),
    })
    .optional(),
})

export type MeshExternalServiceSpec = z.infer<typeof schema>
type Tls = NonNullable<MeshExternalServiceSpec['tls']>
export const meshExternalServiceKind = jsonKind('MeshExternalService', schema, findings, [
  ...serviceColumns,
  wideColumn('ENDPOINTS', (item) =>
    shownObjects(shownSpec(item).endpoints)
      .map(({ address, port }) => `${shownText(address)}${port === undefined ? '' : `:${String(port)}`}`)
      .join(', '),
  ),
])

function* findings({ match, extension, endpoints = [], tls }: MeshExternalServiceSpec): Iterable<Finding> {
  yield* bounds('spec.match.port', match.port, 1, 65_535)
  if (extension !== undefined) {
    // With an extension, endpoints and TLS are the extension's to judge.
    if (extension.type === '') yield refused('spec.extension.type', 'must not be empty')
    return
  }
  for (const [index, { address, port, priority = 0 }] of endpoints.entries()) {
    const path = `spec.endpoints[${index}]`
    if (!isIp(address) && !isDnsName(address))
      yield refused(`${path}.address`, 'address has to be a valid IP or hostname')
    yield* bounds(`${path}.port`, port, 1, 65_535)
    yield* bounds(`${path}.priority`, priority, 0, 128)
  }
  if (tls !== undefined) yield* tlsFindings(tls)
}

/** In the words of Kuma's schema; here, so that they come together with everything else. */
function* bounds(path: string, value: number, min: number, max: number): Iterable<Finding> {
  if (value < min) yield strict(path, `in body should be greater than or equal to ${min}`)
  if (value > max) yield strict(path, `in body should be less than or equal to ${max}`)
}

function* tlsFindings({ version, verification }: Tls): Iterable<Finding> {
  if (version !== undefined) yield* tlsVersionFindings('spec.tls.version', version)
  if (verification === undefined) return
  const path = 'spec.tls.verification'
  const { serverName, clientCert, clientKey } = verification
  if (serverName !== undefined && !isDnsName(serverName))
    yield refused(`${path}.serverName`, 'must be a valid DNS name')
  if (clientCert !== undefined && clientKey === undefined)
    yield refused(`${path}.clientKey`, 'must be defined when clientCert is defined')
  if (clientKey !== undefined && clientCert === undefined)
    yield refused(`${path}.clientCert`, 'must be defined when clientKey is defined')
}
