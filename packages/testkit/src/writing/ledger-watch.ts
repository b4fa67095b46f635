import type { ControlPlane } from '../programs/control-plane.js'
import type { Promised, Writer } from './writer.js'

/** One service as one control plane's lists tell of it. */
export interface Told {
  readonly port: number | undefined
  readonly vips: readonly string[]
}

export type View = ReadonlyMap<string, Told>

interface Item {
  readonly name: string
  readonly labels?: Readonly<Record<string, string>>
  readonly spec?: { readonly ports?: readonly { readonly port: number }[] }
  readonly status?: { readonly vips?: readonly { readonly ip: string }[] }
}

/** Everything that gets a VIP, by type, owner and display name. */
export async function viewOf(plane: ControlPlane): Promise<View> {
  const view = new Map<string, Told>()
  for (const type of ['meshservices', 'meshmultizoneservices'])
    for (let offset = 0; ; offset += pageSize) {
      const response = await fetch(`${plane.apiUrl}/${type}?size=${pageSize}&offset=${offset}`, {
        signal: AbortSignal.timeout(answerTimeoutMs),
      })
      if (!response.ok) throw new Error(`${plane.name} answered ${response.status}: ${await response.text()}`)
      const { items, next } = (await response.json()) as {
        readonly items: readonly Item[]
        readonly next: string | null
      }
      for (const { name, labels = {}, spec, status } of items) {
        const owner = labels['kuma.io/zone'] ?? 'global'
        view.set(`${type}/${owner}/${labels['kuma.io/display-name'] ?? name}`, {
          port: spec?.ports?.[0]?.port,
          vips: (status?.vips ?? []).map(({ ip }) => ip),
        })
      }
      if (next === null) break
    }
  return view
}

const pageSize = 1_000
const answerTimeoutMs = 30_000

/** What was acknowledged and is not so in this view, in words. */
export function broken(plane: string, view: View, writers: readonly Writer[]): readonly string[] {
  return writers.flatMap((writer) =>
    [...writer.promised].flatMap(([name, promise]) => {
      const told = view.get(writer.keyOf(name))
      return breach(promise, told).map((what) => `${plane}: ${writer.keyOf(name)} ${what}`)
    }),
  )
}

function breach(promise: Promised, told: Told | undefined): readonly string[] {
  switch (promise.state) {
    case 'there':
      if (told === undefined) return ['is lost']
      return told.port === promise.port ? [] : [`has port ${told.port}, acknowledged was ${promise.port}`]
    case 'gone':
      return told === undefined ? [] : ['is there again, its deletion was acknowledged']
  }
}

/** Where views differ from each other or leave a service without a VIP, in words. */
export function unlike(views: ReadonlyMap<string, View>): readonly string[] {
  const keys = new Set([...views.values()].flatMap((view) => [...view.keys()]))
  return [...keys].flatMap((key) => {
    const told = [...views].map(([plane, view]) => [plane, view.get(key)] as const)
    const answers = new Set(told.map(([, t]) => JSON.stringify(t)))
    const isServed = told.every(([, t]) => (t?.vips.length ?? 0) > 0)
    return answers.size === 1 && isServed
      ? []
      : [
          `${key}: ${told.map(([plane, t]) => `${plane} says ${t === undefined ? 'nothing' : `${t.port} ${t.vips.join(' ')}`}`).join(', ')}`,
        ]
  })
}

/** Remembers the VIPs that each service ever had and whose each address was, and says which of them have moved. */
export class VipMemory {
  readonly #first = new Map<string, string>()
  readonly #owners = new Map<string, string>()
  readonly #moved = new Set<string>()
  readonly #reused = new Set<string>()

  note(views: ReadonlyMap<string, View>): void {
    for (const view of views.values())
      for (const [key, { vips }] of view) {
        if (vips.length === 0) continue
        const now = vips.join(' ')
        const before = this.#first.get(key)
        if (before === undefined) this.#first.set(key, now)
        else if (before !== now) this.#moved.add(`${key}: ${before} became ${now}`)
        for (const vip of vips) {
          const owner = this.#owners.get(vip)
          if (owner === undefined) this.#owners.set(vip, key)
          else if (owner !== key) this.#reused.add(`${vip} was that of ${owner}, and is that of ${key}`)
        }
      }
  }

  get moved(): readonly string[] {
    return [...this.#moved]
  }

  /** Addresses that had another owner before: within a quarantine there may be none. */
  get reused(): readonly string[] {
    return [...this.#reused]
  }

  /** Addresses seen so far. */
  get addresses(): number {
    return this.#owners.size
  }
}
