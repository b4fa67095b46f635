import { expect, test } from 'vitest'
import { guiAssets } from './assets.js'

const text = (path: string): string =>
  Buffer.from(guiAssets().find((asset) => asset.path === path)?.bytes ?? []).toString()

test('whatever the page and its scripts ask for is there, and nothing else from anywhere', () => {
  const paths = new Set(guiAssets().map(({ path }) => path))
  const asked = new Set(['/gui/'])
  const visit = (path: string): void => {
    if (asked.has(path) && path !== '/gui/') return
    asked.add(path)
    for (const [, target = ''] of text(path).matchAll(/(?:href|src)="([^"]+)"|(?:from|import) '([^']+)'/g))
      visit(target)
    for (const [, target = ''] of text(path).matchAll(/from '\.\/([^']+)'/g)) visit(`/gui/page/${target}`)
  }
  for (const [, target = ''] of text('/gui/').matchAll(/(?:href|src)="([^"]+)"/g)) visit(target)
  expect([...asked].filter((path) => !paths.has(path) && path !== '')).toEqual([])
  // `.map` files and the like are not served, and no file is that nobody asks for.
  expect([...paths].filter((path) => !asked.has(path))).toEqual([])
})

test('no markup is ever made of text: what a peer is called or says cannot become a script', () => {
  const scripts = guiAssets().filter(({ path }) => path.endsWith('.js'))
  expect(scripts.length).toBeGreaterThan(5)
  for (const { path } of scripts)
    expect(text(path)).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(/)
  // The policy that the page is served with allows no inline script or style.
  expect(text('/gui/')).not.toMatch(/<script(?![^>]*\bsrc=)|\bstyle=|\bon[a-z]+=/)
})
