import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import type { RealApp } from './app.js'

/** Asks a deployed application everything that its row says; every answer must be by this very attempt. */
export async function askAll(url: string, deploymentId: string, app: RealApp): Promise<void> {
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const response = await fetch(new URL(path, url), { headers, redirect: 'manual' })
    const body = await response.text()
    expect(response.headers.get('x-appaloft-deployment'), `who answers ${path}`).toBe(deploymentId)
    return { status: response.status, type: response.headers.get('content-type') ?? '', body }
  }
  for (const { path, headers = {}, status = 200, text = [], type } of app.asks) {
    const nonce = randomUUID()
    const filled = (words: string) => words.replaceAll('{nonce}', nonce)
    const sent = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, filled(value)]))
    const answer = await get(filled(path), sent)
    expect(answer.status, `${path}: ${answer.body.slice(0, 500)}`).toBe(status)
    for (const words of text) expect(answer.body, path).toContain(filled(words))
    if (type !== undefined) expect(answer.type, path).toMatch(new RegExp(`^${type}`))
  }
  if (app.asset === undefined) return
  const { body: page } = await get('/')
  const links = [...page.matchAll(/(?:src=|href=|import\()["']?([^"'\s>)]+)/g)].map(([, link = '']) => link)
  const link = links.find((one) => app.asset?.test(one))
  expect(link, `a link of the page that ${app.asset} matches, among ${links.join(' ')}`).toBeDefined()
  const asset = await get(link as string)
  expect(asset.status, link).toBe(200)
  expect(asset.type, link).not.toContain('text/html')
  expect(asset.body.length, link).toBeGreaterThan(0)
}
