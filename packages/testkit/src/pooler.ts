import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { freePort } from './free-port.js'

/** A PgBouncer to start: the one that HOLDFAST_PGBOUNCER names, or `pgbouncer` on the PATH; undefined: there is none here. */
export function poolerBinary(): string | undefined {
  const named = process.env.HOLDFAST_PGBOUNCER
  if (named !== undefined) return named
  // Debian puts it where only root's PATH leads.
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'])
    if (existsSync(join(folder, 'pgbouncer'))) return join(folder, 'pgbouncer')
  return undefined
}

export interface PoolerOptions {
  readonly program: string
  /** Of the server behind it, with a user that may do everything. */
  readonly serverUrl: string
  readonly mode?: 'transaction' | 'session' | undefined
  /** Connections to the server for each database, however many clients there are. */
  readonly poolSize?: number | undefined
}

/** A real PgBouncer of a test, on a free port of the loopback. */
export interface Pooler {
  readonly port: number
  /** The same database, through it. */
  through(databaseUrl: string): string
  /** The end of what it has logged. */
  log(): string
  kill(): Promise<void>
  /** On the same port as before. */
  start(): Promise<void>
  close(): Promise<void>
}

const nobody = 65_534

export async function startPooler({
  program,
  serverUrl,
  mode = 'transaction',
  poolSize = 3,
}: PoolerOptions): Promise<Pooler> {
  const { hostname, port: serverPort, username, password } = new URL(serverUrl)
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-pooler-'))
  const port = freePort()
  const file = join(folder, 'pgbouncer.ini')
  const server = [
    `host=${hostname}`,
    `port=${serverPort}`,
    `user=${decodeURIComponent(username)}`,
    ...(password === '' ? [] : [`password=${decodeURIComponent(password)}`]),
  ]
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    // Whoever reaches the loopback of a test is let in as the user above.
    auth_type: 'any',
    pool_mode: mode,
    default_pool_size: poolSize,
    max_client_conn: 500,
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  writeFileSync(file, `[databases]\n* = ${server.join(' ')}\n[pgbouncer]\n${lines.join('\n')}\n`)
  // It runs as nobody where we are root, which it refuses to be.
  chmodSync(folder, 0o755)
  const isRoot = process.getuid?.() === 0
  let child: ChildProcess | undefined
  let said = ''
  const kill = async (): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise((resolve) => running.once('close', resolve))
    running.kill('SIGKILL')
    await ended
  }
  const atExit = (): void => void child?.kill('SIGKILL')
  const start = async (): Promise<void> => {
    const started = spawn(program, [file], {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(isRoot ? { uid: nobody, gid: nobody } : {}),
    })
    child = started
    started.once('error', (error) => {
      said += error.message
    })
    for (const stream of [started.stdout, started.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        said = `${said}${text}`.slice(-100_000)
      })
    const endMs = performance.now() + 20_000
    while (!(await accepts(port))) {
      if (started.exitCode !== null || performance.now() > endMs)
        throw new Error(`PgBouncer does not start: ${said.slice(-4_000)}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  process.once('exit', atExit)
  await start()
  return {
    port,
    through: (databaseUrl) => {
      const url = new URL(databaseUrl)
      url.hostname = '127.0.0.1'
      url.port = String(port)
      return url.href
    },
    log: () => said,
    kill,
    start,
    close: async () => {
      await kill()
      process.off('exit', atExit)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
