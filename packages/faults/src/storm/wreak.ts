import type { ControlPlane } from '@holdfast/testkit'
import type { Cluster } from '../stand/cluster.js'
import type { Plane } from '../stand/plane.js'
import type { Stand } from '../stand/stand.js'
import type { StormFault } from './plan.js'

const slowBytesPerSecond = 16_000

/** Longer than any fault lasts, with a start at its end. */
const revivedWithinMs = 120_000

/** As a service manager would: a process that meets another fault while it starts ends, and is started again. */
async function revived(process: ControlPlane): Promise<void> {
  const endMs = performance.now() + revivedWithinMs
  for (;;)
    try {
      return await process.start()
    } catch (error) {
      await process.kill()
      if (performance.now() > endMs) throw error
    }
}

const planeOf = (stand: Stand, name: string): Plane => {
  const found = stand.planes.find((plane) => plane.name === name)
  if (found === undefined) throw new Error(`there is no ${name} in this stand`)
  return found
}

/** Makes a fault, waits until it has lasted, and undoes it. */
export async function wreak(stand: Stand, fault: StormFault, lasted: () => Promise<void>): Promise<void> {
  const { kind, target } = fault
  switch (kind) {
    case 'reset the link of':
      for (const link of planeOf(stand, target).links) link.cut('reset')
      return lasted()
    case 'end the link of in order':
      for (const link of planeOf(stand, target).links) link.cut('fin')
      return lasted()
    case 'hold back what goes to the hub from': {
      const { links } = planeOf(stand, target)
      for (const link of links) link.freeze('toTarget')
      await lasted()
      for (const link of links) await link.restore()
      return
    }
    case 'slow the link of': {
      const { links } = planeOf(stand, target)
      for (const link of links) link.shape({ latencyMs: 200, bytesPerSecond: slowBytesPerSecond })
      await lasted()
      for (const link of links) link.shape({ latencyMs: 0, bytesPerSecond: undefined })
      return
    }
    case 'kill zone':
    case 'kill hub': {
      const { process } = planeOf(stand, target)
      await process.kill()
      await lasted()
      return revived(process)
    }
    case 'restart hub': {
      const { process } = planeOf(stand, target)
      await process.stop()
      await lasted()
      return revived(process)
    }
    case 'stop hub': {
      const { process } = planeOf(stand, target)
      process.send('SIGSTOP')
      await lasted()
      process.send('SIGCONT')
      return
    }
    case 'reset the database of':
      planeOf(stand, target).database.cut('reset')
      return lasted()
    case 'hold back the database of': {
      const { database } = planeOf(stand, target)
      database.freeze()
      await lasted()
      return database.restore()
    }
    case 'restart the databases of': {
      const cluster: Cluster = target === 'the hubs' ? stand.clusters.global : stand.clusters.zones
      await cluster.stop()
      await lasted()
      return cluster.start()
    }
    case 'kill Redis':
      await stand.redis?.signal('SIGKILL')
      await lasted()
      return stand.redis?.start()
  }
}
