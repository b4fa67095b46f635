import { expect, test } from 'vitest'
import { freshDatabase } from '../testing/index.js'
import { Database } from './sql.js'

test('an idle connection that is lost is told of by what the server said, without the client and its cancel key', async () => {
  const fresh = await freshDatabase()
  let tell: (error: Error) => void
  const told = new Promise<Error>((resolve) => {
    tell = resolve
  })
  const database = new Database({ url: fresh.url, connectionsMax: 1, onConnectionLost: (error) => tell(error) })
  const other = new Database({ url: fresh.url, connectionsMax: 1, onConnectionLost: () => {} })
  try {
    const { rows } = await database.run<{ pid: number }>('own', 'select pg_backend_pid() as pid')
    await other.run('end', 'select pg_terminate_backend($1)', [rows[0]?.pid])
    const error = await told
    expect(error).toMatchObject({ code: '57P01' })
    expect(error).not.toHaveProperty('client')
  } finally {
    await database.close()
    await other.close()
    await fresh.drop()
  }
})
