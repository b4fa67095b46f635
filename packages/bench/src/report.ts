/** A count that must hold on any machine. Times are no gates. */
export interface Gate {
  readonly what: string
  readonly limit: string
  readonly found: string
  readonly ok: boolean
}

/** One table of the report, with what it was held to. */
export interface Section {
  readonly id: string
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly notes: readonly string[]
  readonly gates: readonly Gate[]
  /** The same figures for a program. */
  readonly figures: unknown
}

export const atMost = (what: string, found: number, limit: number): Gate => ({
  what,
  limit: `≤ ${count(limit)}`,
  found: count(found),
  ok: found <= limit,
})

export const exactly = (what: string, found: number, expected: number): Gate => ({
  what,
  limit: count(expected),
  found: count(found),
  ok: found === expected,
})

/** Holds where all are equal, as texts. */
export function theSame(what: string, found: readonly string[]): Gate {
  const different = [...new Set(found)]
  const ok = different.length <= 1
  return { what, limit: 'the same', found: ok ? 'the same' : different.join(' / '), ok }
}

export const count = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',')
export const ms = (value: number): string => `${count(Math.round(value))} ms`
export const ratio = (value: number): string => `${value.toFixed(1)} ×`

/** Sections as text for a terminal. */
export const asText = (sections: readonly Section[]): string => sections.map(sectionText).join('\n')

function sectionText({ title, columns, rows, notes, gates }: Section): string {
  const lines = [
    title,
    ...table([columns, ...rows]).map((line) => `  ${line}`),
    ...notes.map((note) => `  ${note}`),
    ...gates.map(({ what, limit, found, ok }) => `  ${ok ? 'ok    ' : 'MISSED'} ${what}: ${found} (${limit})`),
  ]
  return `${lines.join('\n')}\n`
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
  const [head, ...body] = rows.map(line)
  return [head ?? '', widths.map((width) => '─'.repeat(width)).join('  '), ...body]
}
