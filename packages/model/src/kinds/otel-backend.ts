import { z } from 'zod'
import { type Finding, strict } from './finding.js'
import { matchLabels } from './schema.js'

/** A MeshOpenTelemetryBackend, found by labels. */
export const otelBackendRef = z.looseObject({
  kind: z.enum(['MeshOpenTelemetryBackend']),
  labels: matchLabels.optional(),
})

/** Where telemetry goes: `backendRef`, or an address written down here, as it was up to 2.13. */
export const otelTarget = {
  endpoint: z.string().default(''),
  backendRef: otelBackendRef.optional(),
}

interface OtelTarget {
  readonly endpoint: string
  readonly backendRef?: z.infer<typeof otelBackendRef> | undefined
}

export function* otelTargetFindings(
  path: string,
  { endpoint, backendRef }: OtelTarget,
  { needsPort = false }: { readonly needsPort?: boolean } = {},
): Iterable<Finding> {
  if (endpoint !== '' && backendRef !== undefined)
    yield strict(path, 'openTelemetry must have only one type defined: endpoint, backendRef')
  else if (endpoint === '' && backendRef === undefined)
    yield strict(path, 'openTelemetry must have exactly one defined: endpoint, backendRef')
  else if (backendRef !== undefined) {
    if (Object.keys(backendRef.labels ?? {}).length === 0)
      yield strict(`${path}.backendRef`, 'backendRef must have exactly one defined: labels')
  } else if (/[/?#]/.test(endpoint)) yield strict(`${path}.endpoint`, 'must be in host:port format, not a URL')
  else if (needsPort && !/^(\[[^\]]*\]|[^:]*):[^:]*$/.test(endpoint))
    yield strict(`${path}.endpoint`, 'must be in host:port format')
}

export const endpointDeprecated =
  'openTelemetry.endpoint is deprecated, use openTelemetry.backendRef with a MeshOpenTelemetryBackend resource instead'

/** Whether any of some backends says its address itself. */
export const saysEndpoint = (backends: readonly { readonly openTelemetry?: OtelTarget | undefined }[] = []): boolean =>
  backends.some(
    ({ openTelemetry: otel }) => otel !== undefined && otel.endpoint !== '' && otel.backendRef === undefined,
  )
