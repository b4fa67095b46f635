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
