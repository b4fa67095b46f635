export { RevisionTraces, type TracedWrite, tracesMax } from './revision-traces.js'
export { isTraceparent, type TraceIds, traceIdsOf } from './traceparent.js'
export type { Attributes, Span, SpanKind, Tracing } from './tracing.js'
