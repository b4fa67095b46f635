import { expect, test } from 'vitest'
import { Compactions } from './compactions.js'

test('a log that is compacted within a range explains what is found too many', () => {
  const compactions = new Compactions()
  compactions.opened('down', 12, false)
  expect(compactions.within('down', 12)).toBe(false)
  expect(compactions.within('down', 41)).toBe(true)
})

test('a range that was interrupted began in the session before', () => {
  const compactions = new Compactions()
  compactions.opened('down', 12, false)
  // Compacted to 41 while the first session sent; the second one goes on within the same range.
  compactions.opened('down', 41, true)
  expect(compactions.within('down', 41)).toBe(true)
})

test('a new range explains nothing by what was compacted before it', () => {
  const compactions = new Compactions()
  compactions.opened('down', 12, false)
  compactions.opened('down', 41, false)
  expect(compactions.within('down', 41)).toBe(false)
})

test('whoever was in step has had everything up to then, and a channel is its own', () => {
  const compactions = new Compactions()
  compactions.opened('down', 12, false)
  compactions.opened('up', 12, false)
  compactions.inStep('down', 41, 43)
  expect(compactions.within('down', 41)).toBe(false)
  expect(compactions.within('up', 41)).toBe(true)
})

test('whoever hears late that it is in step lacks what was compacted after that', () => {
  const compactions = new Compactions()
  compactions.opened('down', 12, false)
  compactions.inStep('down', 33, 32)
  expect(compactions.within('down', 33)).toBe(true)
})
