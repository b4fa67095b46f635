const standard = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Standard alphabet, padded: what Kuma takes. `undefined` for anything else. */
export const fromBase64 = (text: string): Uint8Array | undefined =>
  standard.test(text) ? Uint8Array.from(Buffer.from(text, 'base64')) : undefined

export const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

export const base64Reason = 'must be base64 (standard alphabet, padded)'
