/** What is to be on the page, as plain data: the same for HTML and SVG. Text is text, never markup. */
export interface Tree {
  readonly tag: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly children?: readonly (Tree | string)[]
}

export const tree = (
  tag: string,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Tree | string)[]
): Tree => ({ tag, attributes, children })

/** All text in it, for who looks for a word. */
export const textOf = (node: Tree | string): string =>
  typeof node === 'string' ? node : (node.children ?? []).map(textOf).join(' ')

/** A table with a head; a cell may be text or a tree. */
export const table = (head: readonly string[], rows: readonly (readonly (Tree | string)[])[]): Tree =>
  tree(
    'table',
    {},
    tree('thead', {}, tree('tr', {}, ...head.map((each) => tree('th', { scope: 'col' }, each)))),
    tree('tbody', {}, ...rows.map((row) => tree('tr', {}, ...row.map((cell) => tree('td', {}, cell))))),
  )
