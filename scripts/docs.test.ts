import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const below = (folder: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...below('docs'),
  ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`),
].filter((file) => file.endsWith('.md') && existsSync(join(root, file)))

it.each([
  ['README.md', 'examples/embed/index.ts'],
  ['docs/plugins.md', 'examples/planner/index.ts'],
  ['docs/guides/docker.md', 'examples/docker/index.ts'],
  ['docs/guides/caddy.md', 'examples/caddy/index.ts'],
  ['docs/guides/ssh.md', 'examples/ssh/index.ts'],
  ['docs/guides/rollouts.md', 'examples/embed/rollout.ts'],
  ['docs/guides/http.md', 'examples/http/index.ts'],
  ['docs/guides/simulation.md', 'examples/simulation/index.ts'],
])('%s shows %s as it is', (page, example) => {
  const blocks = [...read(page).matchAll(/```ts\n([\s\S]*?)```/g)].map(([, text]) => text)
  expect(blocks).toContain(read(example))
})

it('links lead to files that exist', () => {
  const links = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)[^)]*\)/g)].map(([, link = '']) => ({ page, link })),
  )
  expect(links.length).toBeGreaterThan(100)
  expect(links.filter(({ page, link }) => !existsSync(join(root, dirname(page), link)))).toEqual([])
})
