/** What `--json` prints as its last line: every number measured. */
export interface Report {
  readonly services: number
  readonly zones: number
  readonly vipsChanged: number
  readonly vipsDiffering: number
  readonly idleReconnect: { readonly rowsWritten: number; readonly kdsBytes: number }
  readonly faultReconnect: {
    readonly vipsChanged: number
    readonly resourcesSent: number
    readonly rowsWritten: number
  }
  readonly ok: boolean
}

export interface Check {
  readonly what: string
  readonly held: boolean
}

/** Tells a person what happens, on stderr so that stdout stays for results. */
export class Story {
  readonly #startedMs = performance.now()
  readonly checks: Check[] = []

  step(text: string): void {
    process.stderr.write(`${((performance.now() - this.#startedMs) / 1000).toFixed(1).padStart(5)} s  ${text}\n`)
  }

  /** Something that must be true; what was not is told at the end, and the demo exits 1. */
  check(what: string, held: boolean): void {
    this.checks.push({ what, held })
    this.step(`${held ? '  ok  ' : '  NOT '} ${what}`)
  }
}
