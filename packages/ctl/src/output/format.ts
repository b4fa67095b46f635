import { stringify } from 'yaml'

export const outputs = ['table', 'yaml', 'json'] as const
export type Output = (typeof outputs)[number]

export const jsonText = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** One document of YAML. No anchors and no folding, so that what is printed can be read again by anything. */
export const yamlText = (value: unknown): string => stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 })

/** A value in the format asked for; `table` only where that is wanted. */
export function formatted(output: Output, value: unknown, table: () => string): string {
  switch (output) {
    case 'table':
      return table()
    case 'yaml':
      return yamlText(value)
    case 'json':
      return jsonText(value)
  }
}
