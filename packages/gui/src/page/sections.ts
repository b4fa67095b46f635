import { agoText, sinceText } from './age.js'
import { isJson, type Overview, objectsIn, type Peer, stringIn, timeIn } from './overview.js'
import { summaryOf } from './picture.js'
import { type Tree, table, tree } from './tree.js'

/** The line above all: who this is and how it is. */
export function titleOf(overview: Overview): readonly Tree[] {
  const { name, mode, version, state, resources, revision, attention, peers, pendingVips } = overview
  const who = mode === 'global' ? 'global' : `zone ${name}${mode === 'standalone' ? ' (without a global)' : ''}`
  const waits = attention.length
  return [
    tree('h1', {}, `${who}: `, tree('span', { class: state === 'ready' ? 'good' : 'bad' }, state)),
    tree(
      'p',
      {},
      `Holdfast ${version} · ${resources} resources at revision ${revision} · peers: ${summaryOf(peers)}`,
      pendingVips > 0 ? ` · ${pendingVips} without a virtual IP` : '',
      ' · ',
      waits === 0
        ? tree('span', { class: 'good' }, 'nothing waits for a decision')
        : tree('span', { class: 'bad' }, `${waits} ${waits === 1 ? 'thing waits' : 'things wait'} for somebody`),
    ),
    ...overview.reasons.map((reason) => tree('p', { class: 'bad' }, reason)),
  ]
}

/** Nothing at all on a quiet day. */
export const attentionOf = ({ attention }: Overview, nowMs: number): readonly Tree[] =>
  attention.length === 0
    ? []
    : [
        tree('h2', {}, 'Waits for somebody'),
        tree(
          'ul',
          { class: 'attention' },
          ...attention.map(({ what, since, next }) =>
            tree(
              'li',
              {},
              tree('div', {}, since === null ? what : `${what} (for ${sinceText(since, nowMs)})`),
              tree('div', { class: 'quiet' }, 'next: ', tree('code', {}, next)),
            ),
          ),
        ),
      ]

export const peersOf = ({ peers }: Overview, nowMs: number): readonly Tree[] =>
  peers.length === 0
    ? []
    : [
        tree('h2', {}, 'Peers'),
        table(
          ['peer', 'stands', 'connected for', 'lag', 'proven equal', 'refused', 'held', 'last error'],
          peers.map((peer) => [
            peer.kuma ? `${peer.name} (Kuma)` : peer.name,
            tree('span', { class: lookOf(peer) }, peer.words),
            peer.standing === 'away' ? `gone ${sinceText(peer.since, nowMs)}` : sinceText(peer.since, nowMs),
            peer.lagSeconds === null ? '' : `${peer.lagSeconds} s`,
            peer.provenSecondsAgo === null ? '' : `${agoText(peer.provenSecondsAgo)} ago`,
            String(peer.refused),
            String(peer.held),
            peer.lastError ?? '',
          ]),
        ),
      ]

const lookOf = ({ standing }: Peer): string => (standing === 'away' ? 'bad' : standing)

/** More than this share of a block is worth a colour. */
const crowded = { late: 0.7, bad: 0.9 }

export const blocksOf = ({ blocks }: Overview): readonly Tree[] => {
  // A block of IPv6 is never full.
  const narrow = blocks.filter(({ cidr }) => !cidr.includes(':'))
  return narrow.length === 0
    ? []
    : [
        tree('h2', {}, 'Addresses'),
        table(
          ['block', 'owner', 'for', 'used', 'load', ''],
          narrow.map(({ cidr, owner, kind, used, load }) => [
            tree('span', { class: 'address' }, cidr),
            owner,
            kind,
            String(used),
            `${(load * 100).toFixed(1)} %`,
            barOf(load),
          ]),
        ),
      ]
}

const barOf = (load: number): Tree =>
  tree(
    'div',
    { class: 'bar' },
    tree(
      'svg',
      { viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      tree('rect', {
        ...{ x: '0', y: '0', height: '6', width: (Math.min(1, Math.max(0, load)) * 100).toFixed(1) },
        class: load >= crowded.bad ? 'bad' : load >= crowded.late ? 'late' : '',
      }),
    ),
  )

/** `GET /_holdfast/audit`: who changed what, newest first. Empty for those who may not see it. */
export const changesOf = (body: unknown, nowMs: number): readonly Tree[] => {
  const items = objectsIn(isJson(body) ? body.items : undefined)
  return items.length === 0
    ? []
    : [
        tree('h2', {}, 'Changes'),
        table(
          ['ago', 'who', 'did', 'what'],
          items.map((item) => [
            sinceText(timeIn(item.at), nowMs),
            stringIn(item.actor),
            stringIn(item.action),
            stringIn(item.subject),
          ]),
        ),
      ]
}
