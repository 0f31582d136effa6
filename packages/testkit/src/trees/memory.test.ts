import { describe, expect, it } from 'vitest'
import { memoryTree } from './memory.js'

const tree = memoryTree({ 'b/c.js': 'c', 'b.js': '\uFEFFb', 'a.js': 'äa', 'empty/': '', 'node_modules/x/i.js': 'x' })

describe('memoryTree', () => {
  it('tells files from directories', async () => {
    expect(await tree.has('b/c.js')).toBe(true)
    expect(await tree.has('./b/../b/c.js')).toBe(true)
    expect(await tree.has('b')).toBe(false)
    expect(await tree.has('b/')).toBe(true)
    expect(await tree.has('empty/')).toBe(true)
    expect(await tree.has('b.js/')).toBe(false)
  })

  it('sorts lists by code units', async () => {
    const names = (await tree.list()).map((entry) => `${entry.type} ${entry.name}`)
    expect(names).toEqual(['file a.js', 'directory b', 'file b.js', 'directory empty', 'directory node_modules'])
    expect(await tree.list('b')).toEqual([{ name: 'c.js', type: 'file', size: 1 }])
    expect(await tree.list('none')).toEqual([])
  })

  it('reads text without a byte-order mark, cut at maxBytes', async () => {
    expect(await tree.readText('b.js')).toBe('b')
    expect(await tree.readText('a.js', { maxBytes: 2 })).toBe('ä')
    expect(await tree.readText('a.js', { maxBytes: 1 })).toBe('')
    expect(await tree.readText('b')).toBeNull()
    expect((await memoryTree({ big: 'x'.repeat(2 << 20) }).readText('big'))?.length).toBe(1 << 20)
  })

  it('has nothing outside', async () => {
    for (const path of ['../a.js', '/a.js', 'b/../../a.js']) {
      expect(await tree.has(path)).toBe(false)
      expect(await tree.readText(path)).toBeNull()
    }
    expect(await tree.list('..')).toEqual([])
    expect(() => memoryTree({ '../a.js': '' })).toThrow(TypeError)
    expect(() => memoryTree({ a: '', 'a/b': '' })).toThrow(TypeError)
  })

  it('globs', async () => {
    expect(await tree.glob('**/*.js')).toEqual(['a.js', 'b.js', 'b/c.js'])
  })
})
