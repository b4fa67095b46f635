import type { RevisionTraces } from './revision-traces.js'
import type { TraceIds } from './traceparent.js'

/** What a span says beside its name. Never a secret, a token, a body or a query: only what a log line would show. */
export type Attributes = Readonly<Record<string, string | number | boolean>>

/** `server`: asked by a client; `producer` and `consumer`: the two ends of something that waits in between. */
export type SpanKind = 'server' | 'producer' | 'consumer'

/** One piece of work of one trace. */
export interface Span {
  /** W3C `traceparent` for whatever follows from it; undefined: it is not sampled, and nothing more is said of it. */
  readonly traceparent: string | undefined
  /** For log lines, as OpenTelemetry names them; empty where it is not sampled. */
  readonly ids: TraceIds
  /** Once. @param failure why it came to nothing, in words that a log may show */
  end(attributes?: Attributes, failure?: string): void
}

/** Follows single changes from control plane to control plane. There is none while tracing is off. */
export interface Tracing {
  /** @param parent W3C `traceparent`; what is none, or is missing, begins a trace of its own */
  start(
    name: string,
    options: { readonly kind: SpanKind; readonly parent?: string | undefined; readonly attributes?: Attributes },
  ): Span
  /** Which revisions of this control plane's log were written by whom. */
  readonly revisions: RevisionTraces
}
