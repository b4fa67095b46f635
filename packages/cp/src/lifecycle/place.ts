import { readFileSync, readlinkSync } from 'node:fs'

/**
 * Where a process runs, so that another one beside it can tell that it has ended: boot of the machine, namespace of
 * process ids, process id and when it started. A restart after a crash need not wait for what its predecessor held.
 * '' where the system does not say (anything but Linux): then a lease lapses in its own time.
 */
export function ownPlace(): string {
  return placeOf(process.pid) ?? ''
}

/** @returns true only if the process of this place is known to have ended; one elsewhere is never known to */
export function hasEnded(place: string): boolean {
  const [boot, namespace, pid, started] = place.split('/')
  const here = machine()
  if (here === undefined || pid === undefined || boot !== here.boot || namespace !== here.namespace) return false
  return startOf(Number(pid)) !== started
}

function placeOf(pid: number): string | undefined {
  const here = machine()
  const started = startOf(pid)
  return here === undefined || started === undefined ? undefined : `${here.boot}/${here.namespace}/${pid}/${started}`
}

function machine(): { readonly boot: string; readonly namespace: string } | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const namespace = /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]
    return namespace === undefined ? undefined : { boot, namespace }
  } catch {
    return undefined
  }
}

/** In ticks since the boot; undefined: there is no such process, or only what is left of it until its parent looks. */
function startOf(pid: number): string | undefined {
  try {
    // The name stands in brackets and may have anything in it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}
