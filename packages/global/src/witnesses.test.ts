import type { SessionHandle } from '@holdfast/peer'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { Witnesses, type WitnessesOptions } from './witnesses.js'

const answers: Readonly<Record<string, unknown>> = {
  witness: { storeId: 'store', state: 'ready', cursor: null },
  remembered: { items: [], next: null },
  'remembered-vips': { items: [], next: null },
}

/** A global to which one zone is connected, and that may be ready or not. */
class Global {
  readonly asked: string[] = []
  readonly witnesses: Witnesses
  state: 'recovering' | 'ready' = 'ready'
  #session: SessionHandle | undefined
  #met: (zone: string) => void = () => undefined

  constructor() {
    const recovery = {
      remember: async () => ({ pools: 0, blocks: [], addresses: 0, zones: [], conflicts: [] }),
      onStranger: (listener: (zone: string) => void) => {
        this.#met = listener
        return () => undefined
      },
    }
    this.witnesses = new Witnesses({
      store: { recovery } as unknown as WitnessesOptions['store'],
      sessions: () => (this.#session === undefined ? [] : [this.#session]),
      log: pino({ level: 'silent' }),
    })
  }

  connect(peer: string): void {
    this.#session = {
      peer,
      view: () => ({ extension: true, ownState: this.state }),
      ask: async (question: string) => {
        this.asked.push(question)
        return JSON.stringify(answers[question])
      },
    } as unknown as SessionHandle
  }

  /** The zone is found to stand in a log that is not the present one. */
  async meetStranger(peer: string): Promise<void> {
    this.#met(peer)
    await this.witnesses.settled()
  }
}

const everything = ['witness', 'remembered', 'remembered-vips']

test('a zone that stands in another log is asked once what it remembers', async () => {
  const global = new Global()
  global.connect('east')
  await global.witnesses.settled()
  expect(global.asked).toEqual([])
  await global.meetStranger('east')
  expect(global.asked).toEqual(everything)
  global.connect('east')
  await global.witnesses.settled()
  expect(global.asked).toEqual(everything)
  await global.witnesses.close()
})

test('RO: who was heard while global recovered is not asked again at its next reconnect', async () => {
  const global = new Global()
  global.state = 'recovering'
  global.connect('east')
  await global.witnesses.settled()
  expect(global.asked).toEqual(everything)
  // The recovery is over, and the zone is shown the new log in the same session: it stands in the one of before.
  global.state = 'ready'
  await global.meetStranger('east')
  global.connect('east')
  await global.witnesses.settled()
  expect(global.asked).toEqual(everything)
  await global.witnesses.close()
})
