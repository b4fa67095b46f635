import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.js'
import { redisBinary } from './redis-binary.js'

export interface RedisServerOptions {
  /** Any that is free unless said. */
  readonly port?: number | undefined
  /** As on the command line of redis-server: `['--requirepass', 'x']`. */
  readonly args?: readonly string[]
  /** With the file that a sentinel needs. */
  readonly sentinelOf?: SentinelOf | undefined
}

export interface SentinelOf {
  readonly name: string
  readonly port: number
  /** A replica that has been without its master for ten times as long before the loss was noticed is not taken. */
  readonly downAfterMs?: number | undefined
}

/** A Redis of a test, on a free port of the loopback, which keeps nothing. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  /** A signal, or death. */
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): Promise<void>
  /** On the same port as before. */
  start(): Promise<void>
  /** A command, and the raw answer. */
  ask(...command: readonly string[]): Promise<string>
  close(): Promise<void>
}

export async function startRedis({
  args = [],
  sentinelOf,
  port: wanted,
}: RedisServerOptions = {}): Promise<RedisServer> {
  const { program, libraries } = redisBinary()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-redis-'))
  const port = wanted ?? freePort()
  const base = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  let child: ChildProcess | undefined
  const kill = async (): Promise<void> => {
    const running = child
    child = undefined
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
    const ended = new Promise((resolve) => running.once('close', resolve))
    running.kill('SIGKILL')
    await ended
  }
  const atExit = (): void => void child?.kill('SIGKILL')
  const server: RedisServer = {
    port,
    url: `redis://127.0.0.1:${port}`,
    signal: async (name) => {
      if (name === 'SIGKILL') await kill()
      else child?.kill(name)
    },
    start: async () => {
      const given = sentinelOf === undefined ? [] : [join(folder, 'sentinel.conf')]
      if (sentinelOf !== undefined) await writeSentinel(folder, sentinelOf)
      const started = spawn(
        program,
        [...given, ...base, ...args, ...(sentinelOf === undefined ? [] : ['--sentinel'])],
        {
          stdio: ['ignore', 'pipe', 'pipe'],
          env: { ...process.env, ...(libraries === undefined ? {} : { LD_LIBRARY_PATH: libraries }) },
        },
      )
      let said = ''
      for (const stream of [started.stdout, started.stderr])
        stream?.setEncoding('utf8').on('data', (text: string) => {
          said = `${said}${text}`.slice(-4_000)
        })
      child = started
      const endMs = performance.now() + 20_000
      while (!(await answers(port))) {
        if (started.exitCode !== null || performance.now() > endMs) throw new Error(`Redis does not start: ${said}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
    ask: (...command) => askRedis(port, command),
    close: async () => {
      await kill()
      process.off('exit', atExit)
      rmSync(folder, { recursive: true, force: true })
    },
  }
  process.once('exit', atExit)
  await server.start()
  return server
}

async function writeSentinel(folder: string, { name, port, downAfterMs = 1_000 }: SentinelOf): Promise<void> {
  const lines = [
    `sentinel monitor ${name} 127.0.0.1 ${port} 1`,
    `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
    `sentinel failover-timeout ${name} 3000`,
  ]
  await writeFile(join(folder, 'sentinel.conf'), `${lines.join('\n')}\n`)
}

/** The raw answer, as soon as there is any. */
export function askRedis(port: number, command: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.setEncoding('utf8').setTimeout(5_000, () => socket.destroy(new Error('Redis does not answer')))
    socket.once('error', reject)
    socket.once('data', (text: string) => {
      socket.end()
      resolve(text)
    })
    socket.write(
      `*${command.length}\r\n${command.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`,
    )
  })
}

/** It has loaded, and may want a password first. */
const answers = async (port: number): Promise<boolean> =>
  askRedis(port, ['ping']).then(
    (text) => /^(\+PONG|-NOAUTH)/.test(text),
    () => false,
  )
