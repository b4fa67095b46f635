const block = 512

/**
 * An archive (ustar) of texts in one folder. A tar is a header of 512 bytes and the padded text for each file, which is
 * less than any library that also reads them.
 */
export function tarOf(folder: string, files: ReadonlyMap<string, string>, nowMs: number): Buffer {
  const parts = [...files].flatMap(([name, text]) => {
    const bytes = Buffer.from(text, 'utf8')
    return [
      header(`${folder}/${name}`, bytes.length, nowMs),
      bytes,
      Buffer.alloc((block - (bytes.length % block)) % block),
    ]
  })
  return Buffer.concat([...parts, Buffer.alloc(2 * block)])
}

function header(path: string, size: number, nowMs: number): Buffer {
  const bytes = Buffer.alloc(block)
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`
  // Names are ours: short, and of one byte a letter; what comes of a URL is cut.
  bytes.write(path.slice(0, 100), 0, 'latin1')
  bytes.write(octal(0o600, 8), 100)
  bytes.write(octal(0, 8), 108)
  bytes.write(octal(0, 8), 116)
  bytes.write(octal(size, 12), 124)
  bytes.write(octal(Math.floor(nowMs / 1000), 12), 136)
  bytes.write(' '.repeat(8), 148)
  bytes.write('0', 156)
  bytes.write('ustar\x0000', 257, 'latin1')
  bytes.write(
    octal(
      bytes.reduce((sum, each) => sum + each, 0),
      7,
    ),
    148,
  )
  return bytes
}
