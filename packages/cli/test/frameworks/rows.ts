import type { Ask } from './app.js'

/** The request's own header comes back, after these words: a server rendered it, just now. */
export const echo = (...text: string[]): Ask => ({
  path: '/',
  headers: { 'x-asked': '{nonce}' },
  text: [...text, '{nonce}'],
})
export const page = (path: string, ...text: string[]): Ask => ({ path, text, type: 'text/html' })

export const server = (name: string) => ({ framework: { name, mode: 'server' }, kind: 'workspace' }) as const
export const site = (name: string) => ({ framework: { name, mode: 'static' }, kind: 'static-site' }) as const
export const spa = (name: string) => ({ framework: { name, mode: 'spa' }, kind: 'static-site' }) as const
