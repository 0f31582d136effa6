import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { hasCode } from '@appaloft/core/spec'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { copyPublished, findPublishDirectory } from './publish.js'

let folder = ''
let tree = ''
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'appaloft-publish-')))
  tree = join(folder, 'tree')
  mkdirSync(tree)
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const put = (path: string, content = path) => {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), content)
}
const link = (path: string, to: string) => symlinkSync(to, join(folder, path))

async function publish(from = 'tree/dist', leaveOut: string[] = []) {
  const notes: string[] = []
  const to = join(folder, 'site')
  const { signal } = new AbortController()
  const count = await copyPublished(join(folder, from), to, { leaveOut, signal, log: (line) => notes.push(line.text) })
  const files = readdirSync(to, { recursive: true, withFileTypes: true })
  const entry = (one: (typeof files)[number]) => join(one.parentPath, one.name).slice(to.length + 1)
  expect(files.every((one) => one.isFile() || one.isDirectory())).toBe(true)
  const names = files
    .filter((one) => one.isFile())
    .map(entry)
    .sort()
  expect(count).toBe(names.length)
  return { names, notes, read: (name: string) => readFileSync(join(to, name), 'utf8') }
}

it('files and folders come along, dot files do not but .well-known', async () => {
  for (const name of ['a.html', 'b/c.css', '.env', 'b/.secret', '.git/config', '.well-known/x'])
    put(`tree/dist/${name}`)
  expect((await publish()).names).toEqual(['.well-known/x', 'a.html', 'b/c.css'])
})

it('what was only installed is left out at the top alone', async () => {
  for (const name of ['a.html', 'node_modules/x.js', 'b/node_modules/y.js']) put(`tree/${name}`)
  expect((await publish('tree', ['node_modules'])).names).toEqual(['a.html', 'b/node_modules/y.js'])
})

it('links to something inside become what they point to, links out of it are left out and said', async () => {
  put('outside.txt')
  put('tree/package.json')
  put('tree/dist/real.txt', 'real')
  put('tree/dist/sub/inner.txt', 'inner')
  link('tree/dist/near.txt', 'real.txt')
  link('tree/dist/copy', 'sub')
  link('tree/dist/passwd', '/etc/passwd')
  link('tree/dist/up.json', '../package.json')
  link('tree/dist/all', '/')
  link('tree/dist/parent', '..')
  link('tree/dist/nowhere', 'missing')
  link('tree/dist/itself', 'itself')
  const { names, notes, read } = await publish()
  expect(names).toEqual(['copy/inner.txt', 'near.txt', 'real.txt', 'sub/inner.txt'])
  expect(read('near.txt')).toBe('real')
  expect(notes).toHaveLength(6)
  expect(notes.filter((note) => note.includes('out of the publish directory'))).toHaveLength(4)
})

it('circles end', async () => {
  put('tree/dist/a/b/file.txt')
  link('tree/dist/a/b/again', '..')
  link('tree/dist/a/self', '.')
  link('tree/dist/a/top', '..')
  const { names, notes } = await publish()
  expect(names).toEqual(['a/b/file.txt'])
  expect(notes).toHaveLength(3)
})

it('a FIFO stops nothing', async () => {
  put('tree/dist/a.txt')
  execFileSync('mkfifo', [join(tree, 'dist/pipe')])
  expect((await publish()).names).toEqual(['a.txt'])
})

it.each([
  ['that is missing', 'missing'],
  ['that is a file', 'file'],
  ['outside', '..'],
  ['outside, by a link', 'link'],
])('a publish directory %s is refused', async (_what, publishDirectory) => {
  put('tree/file')
  link('tree/link', '..')
  await expect(findPublishDirectory(tree, '.', publishDirectory)).rejects.toSatisfy((error) =>
    hasCode(error, 'publish-directory-missing'),
  )
})
