import { describe, expect, it } from 'vitest'
import { resolveBaseDirectory, subTree } from './baseDirectory.js'
import { type ManifestEntry, toManifest } from './manifest.js'
import { manifestTree } from './tree.js'

const file = (path: string): ManifestEntry => ({ type: 'file', path, mode: 0o644, size: 1, sha256: '' })
const tree = manifestTree(
  '/nonexistent',
  toManifest([
    file('package.json'),
    file('apps/web/package.json'),
    file('apps/web/src/a.js'),
    file('apps/web/node_modules/x/a.js'),
    file('apps/[id] {a,b}*/index.html'),
    { type: 'symlink', path: 'apps/link', target: 'web' },
    { type: 'symlink', path: 'apps/web/up', target: '../../package.json' },
  ]),
)

describe('resolveBaseDirectory', () => {
  it.each([
    ['', '.'],
    ['.', '.'],
    ['./', '.'],
    ['apps/web', 'apps/web'],
    ['./apps//web/', 'apps/web'],
    ['apps/x/../web', 'apps/web'],
    ['apps/link', 'apps/link'],
    ['apps/[id] {a,b}*', 'apps/[id] {a,b}*'],
  ])('%j is %s', async (given, path) => {
    expect(await resolveBaseDirectory(tree, given)).toBe(path)
  })

  it.each(['..', '../..', 'apps/../..', '/', '/etc', '/apps/web', 'apps/web/../../../x'])(
    '%j leads out',
    async (given) => {
      await expect(resolveBaseDirectory(tree, given)).rejects.toMatchObject({
        code: 'base-directory-escapes-source',
        phase: 'detect',
      })
    },
  )

  it.each(['nope', 'package.json', 'apps/web/src/a.js', 'apps/web/up', 'apps\\web', '$(touch x)', 'a\0b', 'a\nb', '~'])(
    '%j is not there',
    async (given) => {
      await expect(resolveBaseDirectory(tree, given)).rejects.toMatchObject({
        code: 'base-directory-not-found',
        phase: 'detect',
      })
    },
  )
})

describe('subTree', () => {
  it('is the tree itself for its root', () => {
    expect(subTree(tree, '.')).toBe(tree)
  })

  it('shows what is below and nothing else', async () => {
    const web = subTree(tree, 'apps/web')
    expect((await web.list()).map((entry) => entry.name)).toEqual(['node_modules', 'package.json', 'src', 'up'])
    expect(await web.has('package.json')).toBe(true)
    expect(await web.has('src/')).toBe(true)
    expect(await web.has('./')).toBe(true)
    expect(await web.has('src')).toBe(false)
    expect(await web.glob('**/*.js*')).toEqual(['package.json', 'src/a.js'])
    expect(await web.glob('node_modules/*/*.js')).toEqual(['node_modules/x/a.js'])
    for (const path of ['../../package.json', '../web/package.json', '/package.json', '..']) {
      expect(await web.has(path)).toBe(false)
      expect(await web.list(path)).toEqual([])
      expect(await web.readText(path)).toBeNull()
    }
  })

  it('takes a name with pattern characters for a name', async () => {
    expect(await subTree(tree, 'apps/[id] {a,b}*').glob('*.html')).toEqual(['index.html'])
  })

  it('of a directory outside is empty', async () => {
    expect(await subTree(tree, '../x').list()).toEqual([])
    expect(await subTree(tree, '../x').glob('**')).toEqual([])
  })
})
