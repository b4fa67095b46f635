import pg from 'pg'

/** One statement as it was sent. */
export interface Sent {
  readonly text: string
  readonly values: readonly unknown[]
}

/** All that is sent to any database while `work` runs, each text once, with the values that it had first. */
export async function statementsOf(work: () => Promise<unknown>): Promise<readonly Sent[]> {
  const sent = new Map<string, Sent>()
  const { query } = pg.Client.prototype
  const noting = function (this: pg.Client, ...given: readonly unknown[]): unknown {
    const [config] = given
    if (typeof config === 'object' && config !== null && 'text' in config) {
      const { text, values } = config as { readonly text: string; readonly values?: readonly unknown[] }
      if (/^\s*(select|with|insert|update|delete|\()/.test(text) && !sent.has(text))
        sent.set(text, { text, values: values ?? [] })
    }
    return Reflect.apply(query, this, given)
  }
  pg.Client.prototype.query = noting as typeof query
  try {
    await work()
  } finally {
    pg.Client.prototype.query = query
  }
  return [...sent.values()]
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Index Cond'?: string
  readonly Filter?: string
  readonly 'Plan Rows': number
  readonly Plans?: readonly PlanNode[]
}

/** An index that is read from end to end is no better than the table; one that has few rows at all is. */
const wholeIndexRowsMax = 1_000

/** What would read a table of `tables` from end to end, one line for each such place of a plan. */
export async function scansOf(
  client: pg.Client,
  statements: readonly Sent[],
  tables: ReadonlySet<string>,
): Promise<readonly string[]> {
  const scans: string[] = []
  for (const { text, values } of statements) {
    const { rows } = await client.query<{ 'QUERY PLAN': readonly { readonly Plan: PlanNode }[] }>(
      `explain (format json) ${text}`,
      [...values],
    )
    const visit = (node: PlanNode, isLimited: boolean): void => {
      const { 'Node Type': type, 'Relation Name': table = '', 'Index Name': index = '' } = node
      const limited = isLimited || type === 'Limit'
      const isWhole =
        (type === 'Seq Scan' && (!limited || node.Filter !== undefined)) ||
        (type.startsWith('Index') &&
          node['Index Cond'] === undefined &&
          !limited &&
          node['Plan Rows'] > wholeIndexRowsMax)
      if (isWhole && tables.has(table))
        scans.push(
          `${type} on ${table} ${index}(${node['Plan Rows']} rows): ${text.replace(/\s+/g, ' ').slice(0, 160)}`,
        )
      for (const child of node.Plans ?? []) visit(child, limited)
    }
    for (const { Plan } of rows[0]?.['QUERY PLAN'] ?? []) visit(Plan, false)
  }
  return scans
}
