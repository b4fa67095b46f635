import { execFile } from 'node:child_process'
import { chownSync, mkdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { byHand } from '@holdfast/store/testing'
import type { Plane } from './plane.js'

const run = promisify(execFile)
const mebibyte = 1024 * 1024

export interface FullDisk {
  /** How it is made, for the table. */
  readonly how: string
  /** There is room again. */
  empty(): Promise<void>
  /** The tables are where they were. */
  close(): Promise<void>
}

/**
 * The table of resources is put on a file system of its own, which is full. Where none can be mounted, the database says of
 * each write what it would say then.
 */
export async function fullDisk(plane: Plane, folder: string): Promise<FullDisk> {
  try {
    return await tiny(plane, folder)
  } catch {
    return stub(plane)
  }
}

async function tiny(plane: Plane, folder: string): Promise<FullDisk> {
  const mount = join(folder, `disk-${plane.name}`)
  mkdirSync(mount, { recursive: true })
  await run('mount', ['-t', 'tmpfs', '-o', 'size=24m,mode=0711', 'tmpfs', mount])
  const filler = join(mount, 'filler')
  const table = join(mount, 'table')
  const space = `tiny_${plane.name.replaceAll('-', '_')}`
  const undo = async (): Promise<void> => {
    rmSync(filler, { force: true })
    await byHand(plane.url, 'alter table resources set tablespace pg_default').catch(() => undefined)
    await byHand(plane.url, `drop tablespace if exists ${space}`).catch(() => undefined)
    await run('umount', ['-l', mount])
  }
  try {
    mkdirSync(table, { mode: 0o700 })
    const { uid, gid } = statSync(plane.cluster.folder)
    chownSync(table, uid, gid)
    await byHand(plane.url, `create tablespace ${space} location '${table}'`)
    await byHand(plane.url, `alter table resources set tablespace ${space}`)
    const { bavail, bsize } = statfsSync(mount)
    writeFileSync(filler, Buffer.alloc(bavail * bsize))
  } catch (error) {
    await undo().catch(() => undefined)
    throw error
  }
  return {
    how: `a full file system of ${24} MiB (${mebibyte * 24} bytes of memory)`,
    empty: async () => rmSync(filler, { force: true }),
    close: undo,
  }
}

async function stub(plane: Plane): Promise<FullDisk> {
  await byHand(
    plane.url,
    `create function no_room() returns trigger language plpgsql as $$
     begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
     create trigger no_room before insert or update on resources for each statement execute function no_room();`,
  )
  const empty = async (): Promise<void> => {
    await byHand(plane.url, 'drop function if exists no_room() cascade')
  }
  return { how: 'a trigger that says of each write that there is no room', empty, close: empty }
}
