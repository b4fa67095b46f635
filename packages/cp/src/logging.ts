import pino, { type Logger } from 'pino'

/** Never in a log: whatever proves who somebody is. */
const secrets = [
  '*.password',
  '*.token',
  '*.authorization',
  '*.databaseUrl',
  'password',
  'token',
  'authorization',
  'databaseUrl',
]

/** JSON lines on stdout; on a terminal one readable line each. */
export function createLog(options: {
  readonly level: string
  readonly name: string
  readonly isTerminal: boolean
}): Logger {
  const base = { level: options.level, base: { cp: options.name }, redact: { paths: secrets, censor: '*****' } }
  return options.isTerminal
    ? pino(base, readable(process.stdout))
    : pino(base, pino.destination({ dest: 1, sync: true }))
}

const levels: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
}
const standard = new Set(['level', 'time', 'cp', 'msg'])

function readable(out: NodeJS.WritableStream): { write(line: string): void } {
  return {
    write(line) {
      const entry = JSON.parse(line) as Record<string, unknown> & { level: number; time: number; msg?: string }
      const rest = Object.entries(entry).filter(([key]) => !standard.has(key))
      const detail = rest
        .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(' ')
      out.write(
        `${new Date(entry.time).toISOString().slice(11, 23)} ${levels[entry.level] ?? entry.level} ${entry.msg ?? ''} ${detail}\n`,
      )
    },
  }
}
