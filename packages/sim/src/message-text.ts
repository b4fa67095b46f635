import type { PlainMessage, SessionMessage } from '@holdfast/kds'

/** A message in one line. */
export function messageText(message: SessionMessage): string {
  if (message.type !== 'to-receiver' && message.type !== 'to-sender') return short(message)
  const { channel, message: inner } = message
  if (inner.type !== 'delta') return `${channel} ${short(inner)}`
  const { type, nonce, offers, removals, absent, purpose } = inner.delta
  const keys = offers
    .map((o) => `+${o.resource.name}`)
    .concat(
      removals.map((r) => `-${r.key}`),
      absent.map((a) => `?${a}`),
    )
  return `${channel} delta ${nonce} ${type || '(mark)'} [${keys.join(' ')}] ${short(purpose)}`
}

export function plainText(message: PlainMessage): string {
  if (message.type !== 'response') return short(message)
  const { resourceType, nonce, offers, removals } = message
  const keys = [...offers.map((o) => `+${o.resource.name}`), ...removals.map((key) => `-${key}`)]
  return `response ${nonce} ${resourceType} [${keys.join(' ')}]`
}

const bodyMax = 100

/** JSON with cursors as `e6ea@24`, digests as `27~e83f`, positions as `24/300/web`, and without what is always the same. */
export const short = (value: unknown): string =>
  JSON.stringify(value, (key, inner: unknown) => {
    if (key === 'typeSet' || key === 'version' || key === 'hashAlgorithm') return undefined
    // All that a zone remembers: thousands of characters that nobody reads in a story.
    if (key === 'body' && typeof inner === 'string' && inner.length > bodyMax) return `${inner.length} characters`
    if (typeof inner !== 'object' || inner === null) return inner
    if ('epoch' in inner && 'revision' in inner && 'tag' in inner)
      return `${text(inner.epoch).slice(0, 4)}@${text(inner.revision)}`
    if ('lanes' in inner && 'count' in inner && Array.isArray(inner.lanes))
      return `${text(inner.count)}~${Number(inner.lanes[0]).toString(16).slice(0, 4)}`
    if ('revision' in inner && 'typeOrder' in inner && 'name' in inner)
      return `${text(inner.revision)}/${inner.typeOrder === 2_147_483_647 ? 'end' : text(inner.typeOrder)}/${text(inner.name)}`
    return inner
  }) ?? 'nothing'

const text = (value: unknown): string => String(value)
