import type { Tree } from './tree.js'

const svg = 'http://www.w3.org/2000/svg'
const shown = new WeakMap<Element, string>()

/** Puts trees into a place. What has not changed is not touched, so that a selection or a scroll stays where it is. */
export function show(place: Element, trees: readonly Tree[]): void {
  const text = JSON.stringify(trees)
  if (shown.get(place) === text) return
  shown.set(place, text)
  place.replaceChildren(...trees.map((each) => elementOf(each, each.tag === 'svg')))
}

function elementOf(node: Tree, isSvg: boolean): Element {
  const element = isSvg ? document.createElementNS(svg, node.tag) : document.createElement(node.tag)
  for (const [name, value] of Object.entries(node.attributes ?? {})) element.setAttribute(name, value)
  for (const child of node.children ?? [])
    element.append(typeof child === 'string' ? child : elementOf(child, isSvg || child.tag === 'svg'))
  return element
}
