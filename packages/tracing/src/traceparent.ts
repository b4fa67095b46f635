const pattern = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/

/** W3C Trace Context, version 00: the only one there is. Anything else is as good as none. */
export const isTraceparent = (text: string): boolean => pattern.test(text)

/** What a log line says of the trace that it belongs to, as OpenTelemetry names it; empty where there is none. */
export interface TraceIds {
  readonly trace_id?: string
  readonly span_id?: string
}

/** Empty for what is no traceparent. */
export function traceIdsOf(traceparent: string | undefined): TraceIds {
  const [, trace, span] = pattern.exec(traceparent ?? '') ?? []
  return trace === undefined || span === undefined ? {} : { trace_id: trace, span_id: span }
}
