import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { byHand, freshDatabase, type TestDatabase } from '../testing/index.js'
import { Database, together } from './sql.js'

let fresh: TestDatabase
beforeEach(async () => {
  fresh = await freshDatabase()
  await byHand(fresh.url, 'create table notes (text text primary key)')
})
afterEach(() => fresh.drop())

const databaseAt = (url: string, lockTimeoutMs?: number): Database =>
  new Database({ url, connectionsMax: 1, lockTimeoutMs, onConnectionLost: () => {} })

test('on one connection a statement is sent before the one ahead of it is answered, and each has its own answer', async () => {
  await using slow = await SlowServer.before(fresh.url)
  const database = databaseAt(slow.url)
  try {
    await database.run('warm', 'select 1')
    slow.holdAnswers()
    const answers = database.onOne((sql) =>
      together([
        sql.run<{ of: string }>('first', "select 'first' as of"),
        sql.run<{ of: string }>('second', 'select $1::text as of', ['second']),
      ]),
    )
    await slow.hasHeard("select 'first' as of")
    await slow.hasHeard('select $1::text as of')
    slow.answer()
    expect((await answers).map(({ rows }) => rows)).toEqual([[{ of: 'first' }], [{ of: 'second' }]])
  } finally {
    await database.close()
  }
})

/** Told some turns later than it came, as through many hands. */
const late = async <T>(answer: Promise<T>): Promise<T> => {
  const settled = await Promise.allSettled([answer])
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
  return settled[0].status === 'fulfilled' ? settled[0].value : Promise.reject(settled[0].reason)
}

test('of several that fail together the first is told: what is behind it says only that the transaction is over', async () => {
  const database = databaseAt(fresh.url)
  try {
    const failing = database.transaction('write', (sql) =>
      together([
        sql.run('note', "insert into notes values ('one')"),
        late(sql.run('note again', "insert into notes values ('one')")),
        sql.run('read', 'select 1'),
        sql.run('note another', "insert into notes values ('two')"),
      ]),
    )
    await expect(failing).rejects.toMatchObject({ code: '23505', message: expect.stringContaining('note again: ') })
    expect(await byHand(fresh.url, 'select text from notes')).toEqual([])
    // The connection is as good as before.
    expect((await database.run<{ one: number }>('after', 'select 1 as one')).rows).toEqual([{ one: 1 }])
  } finally {
    await database.close()
  }
})

test('a begin that fails lets nothing be written by itself, whatever has been sent behind it', async () => {
  // The server cannot read the message that begins, and goes on with the next one outside of any transaction.
  const database = databaseAt(fresh.url, ')' as unknown as number)
  try {
    const failing = database.transaction('write', (sql) =>
      together([
        sql.run('read', 'select 1'),
        sql.run('note', "insert into notes values ('alone')"),
        sql.run('read behind it', 'select text from notes'),
      ]),
    )
    await expect(failing).rejects.toThrow('begin: syntax error')
    expect(await byHand(fresh.url, 'select text from notes')).toEqual([])
  } finally {
    await database.close()
  }
})

test('a begin that fails halfway is told, not what it did to what was sent behind it', async () => {
  const database = databaseAt(fresh.url, -1)
  try {
    const failing = database.transaction('read', (sql) => sql.run('read', 'select 1'))
    await expect(failing).rejects.toThrow('begin: -1')
  } finally {
    await database.close()
  }
})

/** Lets everything through to the server, and its answers only when it is told to. */
class SlowServer implements AsyncDisposable {
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #waiting: (() => void)[] = []
  #heard = ''
  #isHeld = false
  #onHeard: () => void = () => {}

  private constructor(server: Server, url: string) {
    this.#server = server
    this.url = url
  }

  static async before(url: string): Promise<SlowServer> {
    const behind = new URL(url)
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const at = new URL(url)
    at.port = String((server.address() as { port: number }).port)
    const slow = new SlowServer(server, at.href)
    server.on('connection', (client) => slow.#serve(client, connect(Number(behind.port), behind.hostname)))
    return slow
  }

  #serve(client: Socket, server: Socket): void {
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        server.destroy()
      })
    }
    client.on('data', (data) => {
      this.#heard += data.toString('latin1')
      this.#onHeard()
      server.write(data)
    })
    server.on('data', (data) => {
      if (this.#isHeld) this.#waiting.push(() => client.write(data))
      else client.write(data)
    })
  }

  holdAnswers(): void {
    this.#isHeld = true
  }

  answer(): void {
    this.#isHeld = false
    for (const send of this.#waiting.splice(0)) send()
  }

  async hasHeard(text: string): Promise<void> {
    const tooLate = AbortSignal.timeout(20_000)
    while (!this.#heard.includes(text))
      await new Promise<void>((resolve, reject) => {
        this.#onHeard = resolve
        tooLate.onabort = () => reject(new Error(`nobody has sent ${text}`))
      })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
