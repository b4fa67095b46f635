import { findType } from '@holdfast/model'
import { KumaConsumer } from '../fake-kuma/consumer.js'
import type { KumaObjects } from '../fake-kuma/objects.js'
import type { RecordedConnection } from './conversation.js'

/** What a recorded zone had from global after what was said up to a moment of one connection. */
export function heldOfRecorded({ zone, down }: RecordedConnection, untilMs: number): KumaObjects {
  const consumer = new KumaConsumer({
    nodeId: zone,
    nodeMetadata: {},
    types: [...new Set(down.map(({ type }) => type))],
    send: () => {},
    drops: (type, parts) => findType(type)?.providedByZone === true && parts.labels['kuma.io/origin'] !== 'global',
    refuses: () => undefined,
  })
  for (const { from, ms, bytes } of down) if (from === 'global' && ms <= untilMs) consumer.response(bytes)
  return consumer.held()
}

/** What global had of a recorded zone, from one connection of it. */
export function givenByRecorded({ zone, up }: RecordedConnection, untilMs: number): KumaObjects {
  const consumer = new KumaConsumer({
    nodeId: zone,
    nodeMetadata: {},
    types: [...new Set(up.map(({ type }) => type))],
    send: () => {},
    drops: () => false,
    refuses: () => undefined,
  })
  for (const { from, ms, bytes } of up) if (from === 'zone' && ms <= untilMs) consumer.response(bytes)
  return consumer.held()
}
