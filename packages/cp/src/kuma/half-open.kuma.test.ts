import { connect, createServer, type Server, type Socket } from 'node:net'
import { hasKuma, type KumaCp, startKuma } from '@holdfast/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eager, startZone, until, type ZonePlane } from '../testing/mesh.js'

// A link that breaks on our side alone: the Kuma global notices its half half a minute later, when the zone has long been
// back on another one, and clears what it knows of the zone (docs/decisions/0087).

/** Kuma pings after 15 s of silence and waits as long for the answer; then what we have answered is said again. */
const noticedWithinMs = 60_000
const heardWithinMs = 60_000

/** Passes on what both say, until our side of all that there is is dropped: the other one stays open and hears nothing. */
class Relay {
  readonly #links: { readonly near: Socket; readonly far: Socket }[] = []
  readonly #server: Server

  constructor(targetPort: number) {
    this.#server = createServer((near) => {
      const far = connect(targetPort, '127.0.0.1')
      for (const socket of [near, far]) socket.setNoDelay(true).on('error', () => {})
      near.on('data', (bytes) => far.write(bytes))
      far.on('data', (bytes) => near.write(bytes))
      far.on('close', () => near.destroy())
      this.#links.push({ near, far })
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  get accepted(): number {
    return this.#links.length
  }

  /** @returns whether the other side has closed every one of them by now */
  dropNear(): () => boolean {
    const dropped = this.#links.filter(({ far }) => !far.destroyed)
    for (const { near, far } of dropped) {
      far.removeAllListeners('data').resume()
      near.resetAndDestroy()
    }
    return () => dropped.every(({ far }) => far.destroyed)
  }

  async close(): Promise<void> {
    for (const { near, far } of this.#links) {
      near.destroy()
      far.destroy()
    }
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

describe.skipIf(!hasKuma())('a link to a Kuma global that breaks on our side alone', { timeout: 300_000 }, () => {
  let kuma: KumaCp
  let east: ZonePlane
  let relay: Relay
  const isIn = (): boolean => east.runtime.view()?.channels.every((channel) => channel.inStep) === true

  beforeAll(async () => {
    kuma = await startKuma({})
    relay = new Relay(kuma.kdsPort)
    east = await startZone('east', await relay.listen(), { backoff: eager })
    await until('east to be in step', isIn, 60_000)
  }, 180_000)
  afterAll(async () => {
    await east?.close()
    await relay?.close()
    await kuma?.stop()
  }, 60_000)

  test('HEAL: the zone hears of a change although its global has forgotten that it waits', async () => {
    const { accepted } = relay
    const isNoticed = relay.dropNear()
    await until('the zone to be back', () => relay.accepted > accepted && isIn(), 60_000)
    await until('the global to notice its half of the old link', isNoticed, noticedWithinMs)
    const back = relay.accepted
    const to = [{ targetRef: { kind: 'Mesh' }, default: { connectionTimeout: '7s' } }]
    await kuma.put('/meshes/default/meshtimeouts/late', {
      ...{ type: 'MeshTimeout', mesh: 'default', name: 'late' },
      spec: { targetRef: { kind: 'Mesh' }, to },
    })
    const startedMs = performance.now()
    const known = async () =>
      (await east.store.read.list({ type: 'MeshTimeout', offset: 0, limit: 100 })).items.some(
        ({ displayName }) => displayName === 'late',
      )
    await until('the zone to hear of it', known, heardWithinMs)
    process.stderr.write(`heard of it after ${Math.round(performance.now() - startedMs)} ms\n`)
    // On the link that it has, which it has not dialled anew for that.
    expect([relay.accepted, isIn()]).toEqual([back, true])
  })
})
