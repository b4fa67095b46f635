import type { Delta, LogPage, SessionMessage } from '@holdfast/kds'
import { type Attributes, RevisionTraces, type Tracing, traceIdsOf } from '@holdfast/tracing'
import { expect, test } from 'vitest'
import { SessionTraces } from './session-traces.js'

const digits = (n: number, length: number): string => n.toString(16).padStart(length, '0')
const traceparent = (trace: number, span: number): string => `00-${digits(trace, 32)}-${digits(span, 16)}-01`

/** Counts spans instead of sending them. */
class FakeTracing implements Tracing {
  readonly revisions = new RevisionTraces(() => 0)
  readonly open = new Map<string, string>()
  readonly ended: { readonly name: string; readonly parent: string | undefined; readonly failure?: string }[] = []
  #last = 100

  start(name: string, { parent }: { readonly parent?: string | undefined }) {
    const id = traceparent(Number.parseInt(parent?.slice(3, 35) ?? '1', 16), ++this.#last)
    this.open.set(id, name)
    return {
      traceparent: id,
      ids: traceIdsOf(id),
      end: (_: Attributes = {}, failure?: string) => {
        this.open.delete(id)
        this.ended.push({ name, parent, ...(failure === undefined ? {} : { failure }) })
      },
    }
  }
}

const place = (revision: number) => ({ revision, typeOrder: 1, mesh: 'default', name: 'web' })
const page = (revision: number): LogPage => ({
  epoch: 'e'.repeat(32),
  through: place(revision),
  items: [
    {
      type: 'MeshService',
      position: place(revision),
      sizeBytes: 10,
      change: { removal: { key: 'web.default', deletedAtMs: 1 } },
    },
  ],
})
const delta = (nonce: string, more: Partial<Delta> = {}): SessionMessage => ({
  type: 'to-receiver',
  channel: 'down',
  message: {
    type: 'delta',
    delta: {
      ...{ type: 'MeshService', nonce, offers: [], removals: [], absent: [] },
      purpose: { kind: 'range', page: 1, parts: 1, cursorEpoch: 'e'.repeat(32), through: place(1) },
      ...more,
    },
  },
})
const answer = (traces: boolean): SessionMessage => ({
  type: 'answer',
  answer: {
    storeId: '',
    state: 'ready',
    upInStep: true,
    statusInStep: true,
    version: '1',
    ...(traces ? { traces } : {}),
  },
})
const ack = (nonce: string): SessionMessage => ({
  type: 'to-sender',
  channel: 'down',
  message: { type: 'ack', resourceType: 'MeshService', nonce },
})
const batch = { type: 'MeshService', offers: [], removals: [], absent: [] }

test('off: every message is the same object, and what a peer says of traces is not heard', () => {
  const traces = new SessionTraces({ tracing: undefined, peer: 'east' })
  traces.incoming(answer(true))
  traces.incoming(delta('1', { traces: [traceparent(1, 1)] }))
  traces.read('down', page(1))
  for (const message of [delta('1'), answer(false)]) expect(traces.outgoing(message)).toBe(message)
  expect(traces.applying('down', { op: 'apply', batch, nowMs: 0 }).traces).toEqual([])
})

test('a peer that has not said that it traces gets the same bytes; our own span of sending is there all the same', () => {
  const tracing = new FakeTracing()
  const traces = new SessionTraces({ tracing, peer: 'east' })
  tracing.revisions.note(1, [{ types: ['MeshService'], traces: [traceparent(7, 7)] }])
  traces.incoming(answer(false))
  traces.read('down', page(1))
  const message = delta('1')
  expect(traces.outgoing(message)).toBe(message)
  traces.incoming(ack('1'))
  expect(tracing.ended).toEqual([{ name: 'kds send', parent: traceparent(7, 7) }])
})

test('towards one that traces, a delta says our span, which ends with the answer', () => {
  const tracing = new FakeTracing()
  const traces = new SessionTraces({ tracing, peer: 'east' })
  tracing.revisions.note(1, [{ types: ['MeshService'], traces: [traceparent(7, 7)] }])
  traces.incoming(answer(true))
  traces.read('down', page(1))
  const said = traces.outgoing(delta('1'))
  expect(said).toEqual(delta('1', { traces: [traceparent(7, 101)] }))
  expect(tracing.open.size).toBe(1)
  traces.incoming(ack('other'))
  expect(tracing.open.size).toBe(1)
  traces.incoming(ack('1'))
  expect(tracing.open.size).toBe(0)
  // The next page was written for nobody in particular.
  traces.read('down', page(2))
  expect(traces.outgoing(delta('2'))).toEqual(delta('2'))
  // Answers of a repair show rows as they are: nothing has led to them.
  traces.read('down', page(1))
  const repair = delta('3', { purpose: { kind: 'repair', more: false } })
  expect(traces.outgoing(repair)).toBe(repair)
})

test('what arrives with traces is stored under them, once; what is no trace is as good as none', () => {
  const tracing = new FakeTracing()
  const traces = new SessionTraces({ tracing, peer: 'global' })
  traces.incoming(delta('1', { traces: ['x', traceparent(7, 7), ''] }))
  const op = { op: 'apply', batch, nowMs: 0 } as const
  const applying = traces.applying('down', op)
  expect(applying.traces).toEqual([traceparent(7, 101)])
  applying.end({ refused: [{ key: 'web.default', reason: 'no' }], warnings: [], writtenRows: 0, heldKeys: [] })
  expect(tracing.ended).toEqual([{ name: 'kds apply', parent: traceparent(7, 7), failure: '1 refused: no' }])
  expect(traces.applying('down', op).traces).toEqual([])
  traces.incoming(delta('2', { traces: [traceparent(8, 8)] }))
  traces.incoming(delta('3'))
  expect(traces.applying('down', op).traces).toEqual([])
})

test('whatever is logged because of a message says the trace of the message: a delta that of its change, a refusal that of what was refused', () => {
  const tracing = new FakeTracing()
  const traces = new SessionTraces({ tracing, peer: 'east' })
  const trace = (message: SessionMessage) => traces.incoming(message).trace_id
  expect(trace(answer(true))).toBeUndefined()
  expect(trace(delta('1', { traces: ['x', traceparent(7, 7)] }))).toBe(digits(7, 32))
  expect(trace(delta('2'))).toBeUndefined()
  tracing.revisions.note(1, [{ types: ['MeshService'], traces: [traceparent(9, 9)] }])
  traces.read('down', page(1))
  traces.outgoing(delta('3'))
  const refused = [{ key: 'web.default', reason: 'no' }]
  const nack = { type: 'nack', resourceType: 'MeshService', nonce: '3', refused } as const
  expect(trace({ type: 'to-sender', channel: 'down', message: nack })).toBe(digits(9, 32))
  expect(trace(ack('3'))).toBeUndefined()
})

test('OWN: the end of a session ends what it was sending, and nothing of it is kept', () => {
  const tracing = new FakeTracing()
  const traces = new SessionTraces({ tracing, peer: 'east' })
  tracing.revisions.note(1, [{ types: ['MeshService'], traces: [traceparent(7, 7)] }])
  traces.read('down', page(1))
  traces.outgoing(delta('1'))
  traces.end('gone')
  expect(tracing.open.size).toBe(0)
  expect(tracing.ended[0]?.failure).toBe('the session ended: gone')
  traces.incoming(ack('1'))
  expect(tracing.ended).toHaveLength(1)
})
