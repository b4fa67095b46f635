import Table from 'cli-table3'

/** No borders, three spaces between columns, headers in upper case: what kumactl's users know. */
const borderless = {
  chars: {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '',
  },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 3 },
}

/** A table as text that ends with a newline; without rows the headers alone. */
export function tableText(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({ ...borderless, head: [...headers] })
  table.push(...rows.map((row) => [...row]))
  return `${table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')}\n`
}
