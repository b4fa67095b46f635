import { agoText } from './age.js'
import type { Overview, Peer } from './overview.js'
import { type Tree, tree } from './tree.js'

const centre = { x: 380, y: 0 }
const ringMax = 24

/** This control plane in the middle, its peers around it; a line's colour says how the two stand. */
export function pictureOf(overview: Overview): Tree {
  const peers = worstFirst(overview.peers).slice(0, ringMax)
  const left = overview.peers.length - peers.length
  const vertical = peers.length <= 2 ? 0 : peers.length <= 6 ? 120 : 190
  const height = 2 * vertical + 120
  const at = (index: number): { readonly x: number; readonly y: number } => {
    // From the left, clockwise: two peers stand beside the centre, not above each other.
    const angle = Math.PI + (2 * Math.PI * index) / Math.max(1, peers.length)
    return { x: centre.x + 290 * Math.cos(angle), y: height / 2 + vertical * Math.sin(angle) }
  }
  return tree(
    'svg',
    {
      viewBox: `0 0 760 ${height}`,
      width: '100%',
      role: 'img',
      'aria-label': `${overview.name} and ${overview.peers.length} peers: ${summaryOf(overview.peers)}`,
    },
    ...peers.map((peer, index) => {
      const { x, y } = at(index)
      return tree('line', {
        ...{ x1: String(centre.x), y1: String(height / 2), x2: x.toFixed(1), y2: y.toFixed(1) },
        class: `link stroke-${peer.standing}`,
      })
    }),
    ...nodeAt(centre.x, height / 2, overview.name, `revision ${overview.revision}`, stateOf(overview), 62),
    ...peers.flatMap((peer, index) => {
      const { x, y } = at(index)
      return nodeAt(x, y, peer.kuma ? `${peer.name} (Kuma)` : peer.name, peerWords(peer), peer.standing, 58)
    }),
    ...(left > 0 ? [label(centre.x, height - 8, `and ${left} more, all better off than these`, 'quiet')] : []),
  )
}

const stateOf = ({ state }: Overview): string => (state === 'ready' ? 'good' : 'bad')

const peerWords = (peer: Peer): string =>
  peer.standing === 'good' && peer.provenSecondsAgo !== null
    ? `equal ${agoText(peer.provenSecondsAgo)} ago`
    : peer.words

function nodeAt(x: number, y: number, name: string, words: string, standing: string, radius: number): readonly Tree[] {
  return [
    tree('ellipse', {
      ...{ cx: x.toFixed(1), cy: y.toFixed(1), rx: String(radius * 1.35), ry: String(radius * 0.55) },
      class: `node stroke-${standing}`,
    }),
    label(x, y - 2, short(name)),
    label(x, y + 15, words, 'quiet'),
  ]
}

const label = (x: number, y: number, text: string, look = ''): Tree =>
  tree('text', { x: x.toFixed(1), y: y.toFixed(1), 'text-anchor': 'middle', class: look }, text)

/** An ellipse has room for so many letters; the tables have the whole name. */
const short = (name: string): string => (name.length <= 20 ? name : `${name.slice(0, 19)}…`)

const order = ['bad', 'away', 'late', 'good'] as const

const worstFirst = (peers: readonly Peer[]): readonly Peer[] =>
  peers.length <= ringMax
    ? peers
    : [...peers].sort((a, b) => order.indexOf(a.standing) - order.indexOf(b.standing) || (a.name < b.name ? -1 : 1))

/** `2 in step, 1 not connected`, for who listens instead of looking. */
export function summaryOf(peers: readonly Peer[]): string {
  const words = { good: 'in step', late: 'late', bad: 'diverged', away: 'not connected' } as const
  const parts = order.flatMap((standing) => {
    const count = peers.filter((peer) => peer.standing === standing).length
    return count === 0 ? [] : [`${count} ${words[standing]}`]
  })
  return parts.length === 0 ? 'none' : parts.join(', ')
}
