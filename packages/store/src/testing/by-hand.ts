import pg from 'pg'

/** One statement by somebody who goes around the program: damage, or a look at what no question shows. */
export async function byHand<R extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly R[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query<R>(text, [...values])).rows
  } finally {
    await client.end()
  }
}

/** A transaction that has done this and stays open until it is closed, which takes it back. */
export async function holdTransaction(url: string, text: string): Promise<{ close(): Promise<void> }> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  await client.query(`begin; ${text}`)
  return { close: () => client.end() }
}

/** Nobody reads or writes the table until it is let go. */
export const holdTable = (url: string, table: string): Promise<{ close(): Promise<void> }> =>
  holdTransaction(url, `lock table ${table} in access exclusive mode`)

/** Whether somebody waits for a lock in this database. */
export const isAnybodyWaiting = async (url: string): Promise<boolean> =>
  (
    await byHand(
      url,
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' limit 1",
    )
  ).length > 0
