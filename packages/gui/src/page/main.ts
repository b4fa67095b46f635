import { createAsk, WhoAreYou } from './ask.js'
import { explainedOf, ledgerOf, questionOf, servicesOf } from './ledger.js'
import { isJson, overviewOf } from './overview.js'
import { pictureOf } from './picture.js'
import { show } from './render.js'
import { attentionOf, blocksOf, changesOf, peersOf, titleOf } from './sections.js'
import { tree } from './tree.js'

const refreshMs = 3_000
const pageSize = 200

const place = <E extends HTMLElement = HTMLElement>(id: string): E => {
  const found = document.getElementById(id)
  if (found === null) throw new Error(`the page has no #${id}`)
  return found as E
}

let token = ''
const ask = createAsk(() => token)

/** One round: everything that is on the page is of one moment, and shown together. */
async function refresh(): Promise<void> {
  const question = questionOf(place<HTMLInputElement>('name').value)
  const [body, vips, audit] = await Promise.all([
    ask('/_holdfast/overview'),
    ask(`/_holdfast/vips?size=${pageSize}${question}`),
    // Who may look at the mesh may not always look at who did what.
    ask('/_holdfast/audit?size=12').catch(() => undefined),
  ])
  const overview = overviewOf(body)
  const nowMs = Date.now()
  document.title = `${overview.attention.length > 0 ? `(${overview.attention.length}) ` : ''}${overview.name} · Holdfast`
  show(place('title'), titleOf(overview))
  show(place('attention'), attentionOf(overview, nowMs))
  show(place('picture'), overview.peers.length === 0 ? [] : [pictureOf(overview)])
  show(place('peers'), peersOf(overview, nowMs))
  show(place('blocks'), blocksOf(overview))
  show(place('ledger'), ledgerOf(servicesOf(vips), isJson(vips) && vips.next !== null && vips.next !== undefined))
  show(place('changes'), changesOf(audit, nowMs))
  place('mesh').hidden = false
  place('credentials').hidden = true
}

async function explain(address: string): Promise<void> {
  const body = await ask(`/_holdfast/vips/explain?address=${encodeURIComponent(address)}`)
  show(place('explained'), explainedOf(body, Date.now()))
}

function failed(error: unknown): void {
  if (error instanceof WhoAreYou) {
    place('mesh').hidden = true
    place('credentials').hidden = false
    show(place('title'), [tree('h1', {}, 'Holdfast')])
    return
  }
  // What was seen last stays, and says so: an operator must not take it for what is.
  show(place('title'), [
    tree('h1', {}, 'Holdfast: ', tree('span', { class: 'bad' }, 'no answer')),
    tree('p', {}, `what is below is what was last heard; ${error instanceof Error ? error.message : String(error)}`),
  ])
}

let timer: ReturnType<typeof setTimeout> | undefined
async function round(): Promise<void> {
  clearTimeout(timer)
  try {
    // A page that nobody sees asks nothing; one that waits for a token asks when it has one.
    if (document.visibilityState === 'visible' && (place('credentials').hidden || token !== '')) await refresh()
  } catch (error) {
    if (error instanceof WhoAreYou) token = ''
    failed(error)
  }
  clearTimeout(timer)
  timer = setTimeout(() => void round(), refreshMs)
}

place('credentials').addEventListener('submit', (event) => {
  event.preventDefault()
  const input = place<HTMLInputElement>('token')
  token = input.value.trim()
  input.value = ''
  void round()
})
place('search').addEventListener('submit', (event) => {
  event.preventDefault()
  void round()
})
place('ledger').addEventListener('click', (event) => {
  const address = (event.target as Element).closest('[data-address]')?.getAttribute('data-address')
  if (address) explain(address).catch(failed)
})
document.addEventListener('visibilitychange', () => void round())
void round()
