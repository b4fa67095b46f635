import { RevisionTraces, type Span, type Tracing } from '@holdfast/tracing'
import {
  type Context,
  type DiagLogger,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { Logger } from 'pino'

export interface OpenTelemetryOptions {
  /** URL that spans are posted to; undefined: as `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` says. */
  readonly url: string | undefined
  /** `service.name`, unless `OTEL_SERVICE_NAME` says otherwise. */
  readonly service: string
  readonly version: string
  readonly instanceId: string
  /** '' at global. */
  readonly zone: string
  readonly log: Logger
  readonly nowMs: () => number
}

/** A collector that is gone is said once in a while: it fails with every batch. */
const troubleEveryMs = 60_000
/** What is still to be sent when we stop; a collector that is gone must not hold us up. */
const flushTimeoutMs = 2_000

const kinds = { server: SpanKind.SERVER, producer: SpanKind.PRODUCER, consumer: SpanKind.CONSUMER } as const

/**
 * Traces by OpenTelemetry's own SDK, in batches to an OTLP/HTTP collector. Sampling, limits, headers and TLS are as the
 * `OTEL_*` variables say. Loaded only where it is used: it is a third of a start.
 */
export function openTelemetry(options: OpenTelemetryOptions): Tracing & { close(): Promise<void> } {
  const { url, service, version, instanceId, zone, log, nowMs } = options
  diag.setLogger(quietLog(log, nowMs), DiagLogLevel.WARN)
  const own = resourceFromAttributes({
    'service.name': service,
    'service.version': version,
    'service.instance.id': instanceId,
    ...(zone === '' ? {} : { 'holdfast.zone': zone }),
  })
  const provider = new BasicTracerProvider({
    resource: own.merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter(url === undefined ? {} : { url }))],
  })
  const tracer = provider.getTracer('holdfast', version)
  return {
    revisions: new RevisionTraces(nowMs),
    start: (name, { kind, parent, attributes = {} }) =>
      started(tracer, log, name, { kind: kinds[kind], parent: contextOf(parent), attributes }),
    async close() {
      const late = new Promise<void>((resolve) => {
        setTimeout(resolve, flushTimeoutMs).unref()
      })
      await Promise.race([provider.shutdown().catch(() => undefined), late])
      diag.disable()
    },
  }
}

interface Starting {
  readonly kind: SpanKind
  readonly parent: Context
  readonly attributes: Readonly<Record<string, string | number | boolean>>
}

function started(tracer: Tracer, log: Logger, name: string, { kind, parent, attributes }: Starting): Span {
  const span = tracer.startSpan(name, { kind, attributes: { ...attributes } }, parent)
  const { traceId, spanId, traceFlags } = span.spanContext()
  if ((traceFlags & TraceFlags.SAMPLED) === 0) return { traceparent: undefined, ids: {}, end: () => span.end() }
  const ids = { trace_id: traceId, span_id: spanId }
  return {
    traceparent: `00-${traceId}-${spanId}-01`,
    ids,
    end(more = {}, failure) {
      span.setAttributes({ ...more })
      if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure })
      span.end()
      log.debug({ ...ids, ...attributes, ...more, ...(failure === undefined ? {} : { failure }) }, name)
    },
  }
}

function contextOf(traceparent: string | undefined): Context {
  const [version, traceId, spanId, flags] = (traceparent ?? '').split('-')
  if (version !== '00' || traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT
  // What is no valid context is taken for none by the SDK.
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
  })
}

function quietLog(log: Logger, nowMs: () => number): DiagLogger {
  let saidAtMs = Number.NEGATIVE_INFINITY
  const say = (message: string): void => {
    if (nowMs() - saidAtMs < troubleEveryMs) return
    saidAtMs = nowMs()
    log.warn({ reason: message }, 'traces could not be sent; the control plane goes on without them')
  }
  const nothing = (): void => undefined
  return { error: say, warn: say, info: nothing, debug: nothing, verbose: nothing }
}
