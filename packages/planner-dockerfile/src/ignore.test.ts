import { describe, expect, it } from 'vitest'
import { readIgnore } from './ignore.js'

const kept = (text: string, paths: string[]) => {
  const ignore = readIgnore(text)
  return paths.filter((path) => ignore.by(path) === null)
}

describe('.dockerignore', () => {
  it.each([
    ['config', ['config', 'config/a', 'b/config', 'configs'], ['b/config', 'configs']],
    ['/config/', ['config/a'], []],
    ['*.md', ['a.md', 'b/a.md'], ['b/a.md']],
    ['**/*.md', ['a.md', 'b/c/a.md', 'a.mdx'], ['a.mdx']],
    ['a/**', ['a', 'a/b', 'a/b/c'], ['a']],
    ['a/**/z', ['a/z', 'a/b/c/z', 'a/zz'], ['a/zz']],
    ['?.js', ['a.js', 'ab.js', '/.js'], ['ab.js', '/.js']],
    ['[ab].js', ['a.js', 'c.js'], ['c.js']],
    ['[^ab].js', ['a.js', 'c.js'], ['a.js']],
    ['*\n!keep', ['keep', 'keep/a', 'other'], ['keep', 'keep/a']],
    ['*\n!keep\nkeep/b', ['keep/a', 'keep/b'], ['keep/a']],
    ['# config\n\n  config  \n', ['config', '# config'], ['# config']],
    ['./a/../config', ['config', 'a'], ['a']],
    ['a\\*', ['a*', 'ab'], ['ab']],
  ])('%j', (text, paths, expected) => {
    expect(kept(text, paths)).toEqual(expected)
  })

  it('names the pattern that decides', () => {
    expect(readIgnore('a\n*\n').by('a')).toBe('a')
    expect(readIgnore('a\n!a\n./a\n').by('a')).toBe('./a')
  })
})
