import { describe, expect, it } from 'vitest'
import { globMatcher, globTree } from './glob.js'
import type { TreeEntry } from './source.js'

describe('globMatcher', () => {
  const cases: [pattern: string, matching: string[], other: string[]][] = [
    ['*.html', ['a.html', 'ü.html', 'a b.html'], ['a/b.html', '.html', 'a.htm', 'a.html/']],
    ['**/*.html', ['a.html', 'a/b.html', 'a/b/c.html'], ['.a/b.html', 'a/.b.html', 'ahtml']],
    ['**', ['a', 'a/b'], ['.a', 'a/.b', '']],
    ['src/**', ['src/a', 'src/a/b'], ['src', 'src/', 'srca']],
    ['a/**/b', ['a/b', 'a/x/b', 'a/x/y/b'], ['a/xb', 'ab', 'a/.x/b']],
    ['{a,b}.{js,ts}', ['a.js', 'b.ts'], ['c.js', 'a.', '{a,b}.js']],
    ['{src/,}server.js', ['server.js', 'src/server.js'], ['src//server.js']],
    ['x{a{1,2},b}', ['xa1', 'xa2', 'xb'], ['xa', 'x']],
    ['{a}', ['{a}'], ['a']],
    ['a{b', ['a{b'], ['ab']],
    ['app/[id]/page.js', ['app/[id]/page.js'], ['app/i/page.js']],
    ['a?c', ['abc', 'a😀c'], ['ac', 'a/c', 'abbc']],
    ['?a', ['xa'], ['.a']],
    ['\\*', ['*'], ['a']],
    ['a.b', ['a.b'], ['axb']],
    ['./a', ['a'], ['./a']],
    ['a*', ['a', 'ab', 'a.b'], ['ba', 'a/b']],
    ['a**b', ['ab', 'axb'], ['a/b']],
    ['a\nb*', ['a\nbc'], ['a', 'bc']],
    ['$(x)', ['$(x)'], ['x']],
  ]
  it.each(cases)('%j', (pattern, matching, other) => {
    const matches = globMatcher(pattern)
    expect(matching.filter((path) => !matches(path))).toEqual([])
    expect(other.filter(matches)).toEqual([])
  })

  it('bounds the alternatives of a hostile pattern', () => {
    expect(globMatcher('{a,b}'.repeat(40))('x')).toBe(false)
  })
})

describe('globTree', () => {
  const folders: Record<string, TreeEntry[]> = {
    '.': [
      { name: 'a', type: 'directory' },
      { name: 'a-b.js', type: 'file' },
      { name: 'a.js', type: 'file' },
      { name: 'dist', type: 'directory' },
      { name: 'link.js', type: 'symlink' },
      { name: 'lost.js', type: 'symlink' },
      { name: 'pipe.js', type: 'other' },
    ],
    a: [
      { name: 'b.js', type: 'file' },
      { name: 'node_modules', type: 'directory' },
    ],
    'a/node_modules': [{ name: 'c.js', type: 'file' }],
    dist: [{ name: 'd.js', type: 'file' }],
  }
  const listed: string[] = []
  const tree = {
    has: async (path: string) => path !== 'lost.js',
    list: async (directory = '.') => {
      listed.push(directory)
      return folders[directory] ?? []
    },
  }

  it('sorts whole paths by code units, and lists files and links to files', async () => {
    expect(await globTree(tree, '**/*.js')).toEqual(['a-b.js', 'a.js', 'a/b.js', 'link.js'])
  })

  it('enters dependency and output folders only when they are named', async () => {
    expect(await globTree(tree, 'dist/*.js')).toEqual(['dist/d.js'])
    expect(await globTree(tree, '**/node_modules/*.js')).toEqual(['a/node_modules/c.js'])
  })

  it('goes no deeper than the pattern', async () => {
    listed.length = 0
    expect(await globTree(tree, '*.js')).toEqual(['a-b.js', 'a.js', 'link.js'])
    expect(listed).toEqual(['.'])
  })

  it('gives the first ones under a limit', async () => {
    expect(await globTree(tree, '**/*.js', { limit: 2 })).toEqual(['a-b.js', 'a.js'])
  })
})
