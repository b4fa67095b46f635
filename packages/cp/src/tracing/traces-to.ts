export interface TraceTarget {
  /** Where spans are posted; undefined: the SDK reads it from `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`. */
  readonly url: string | undefined
  /** For the log: scheme and authority, without anything that could be a secret. */
  readonly shown: string
}

/**
 * Whether traces are sent, and where to, by OpenTelemetry's own rules: the variable for traces before the one for
 * everything, `OTEL_SDK_DISABLED` and `OTEL_TRACES_EXPORTER=none` before both.
 * @param endpoint `OTEL_EXPORTER_OTLP_ENDPOINT`, or the setting that stands for it
 */
export function tracesTo(
  endpoint: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): { readonly target?: TraceTarget; readonly warnings: readonly string[] } {
  const exporters = (env.OTEL_TRACES_EXPORTER ?? '').trim().toLowerCase()
  const forTraces = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT?.trim() ?? ''
  const said = forTraces === '' ? endpoint : forTraces
  if (said === undefined || env.OTEL_SDK_DISABLED?.trim().toLowerCase() === 'true' || exporters === 'none')
    return { warnings: [] }
  const warnings: string[] = []
  if (exporters !== '' && exporters !== 'otlp')
    return {
      warnings: [`OTEL_TRACES_EXPORTER=${exporters}: traces are sent by otlp or not at all; nothing is traced`],
    }
  const protocol = (env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL ?? '').trim()
  if (protocol !== '' && protocol !== 'http/json')
    warnings.push(
      `OTEL_EXPORTER_OTLP_PROTOCOL=${protocol}: traces are sent as http/json, which a collector takes at its port for HTTP (4318)`,
    )
  if (!URL.canParse(said) || !/^https?:\/\//.test(said))
    return {
      warnings: [
        'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is no URL such as http://collector:4318/v1/traces; nothing is traced',
      ],
    }
  const { protocol: scheme, host } = new URL(said)
  const url = forTraces === '' ? `${said.replace(/\/+$/, '')}/v1/traces` : undefined
  return { target: { url, shown: `${scheme}//${host}` }, warnings }
}
