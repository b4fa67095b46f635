import { join } from 'node:path'
import type { ControlPlane } from './control-plane.js'
import { holdfastctl } from './ctl.js'

/** Lets a zone in as an operator does. @returns the flags with which it joins at this port of global */
export async function joinFlags(
  global: ControlPlane,
  zone: string,
  options: { readonly port: number; readonly folder: string; readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const { port, folder, signal } = options
  const file = join(folder, `${zone}.join.json`)
  const address = `grpcs://127.0.0.1:${port}`
  await holdfastctl(global.apiUrl, ['zone', 'add', zone, '--address', address, '--out', file], { signal })
  return ['--join', file]
}
