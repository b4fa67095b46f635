import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FieldWriter, fieldSize } from './field-writer.js'
import { sortedLabels } from './labels.js'
import { encodeKumaResource, type KumaResourceParts } from './wire.js'

/** The same by a writer that knows nothing of lengths beforehand. */
function piecewise({ name, mesh, labels, typeUrl, spec, status }: KumaResourceParts): Uint8Array {
  const writer = new BinaryWriter()
  const any = (field: number, url: string, value: Uint8Array): void => {
    writer.tag(field, WireType.LengthDelimited).fork()
    if (url !== '') writer.tag(1, WireType.LengthDelimited).string(url)
    if (value.length > 0) writer.tag(2, WireType.LengthDelimited).bytes(value)
    writer.join()
  }
  writer.tag(1, WireType.LengthDelimited).fork()
  if (name !== '') writer.tag(1, WireType.LengthDelimited).string(name)
  if (mesh !== '') writer.tag(2, WireType.LengthDelimited).string(mesh)
  for (const [key, value] of sortedLabels(labels)) {
    writer.tag(6, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(key).tag(2, WireType.LengthDelimited).string(value)
    writer.join()
  }
  writer.join()
  any(2, typeUrl, spec)
  if (status !== undefined) any(3, '', status)
  return writer.finish()
}

const text = fc.string({ unit: 'grapheme', maxLength: 200 })
const bytes = fc.uint8Array({ maxLength: 20_000 })
const resource = fc.record({
  name: text,
  mesh: text,
  labels: fc.dictionary(text, text, { maxKeys: 12 }),
  typeUrl: text,
  spec: bytes,
  status: fc.option(bytes, { nil: undefined }),
})

test('a resource has the bytes that a writer gives it which joins pieces, whatever is in it', () => {
  fc.assert(
    fc.property(resource, (parts) => {
      expect(Buffer.compare(encodeKumaResource(parts), piecewise(parts))).toBe(0)
    }),
  )
})

test.each([0, 1, 127, 128, 16_383, 16_384, 2_097_152])(
  'a field of %i bytes is as long as it was said to be',
  (length) => {
    const value = new Uint8Array(length).fill(7)
    const written = new FieldWriter(fieldSize(length)).bytes(3, value).finish()
    const other = new BinaryWriter().tag(3, WireType.LengthDelimited).bytes(value).finish()
    expect(Buffer.compare(written, other)).toBe(0)
  },
)

test('what is written must be what was announced', () => {
  expect(() => new FieldWriter(10).text(1, 'web', 3).finish()).toThrow('5 bytes were written, 10 were announced')
})
