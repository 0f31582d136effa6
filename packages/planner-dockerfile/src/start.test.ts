import { describe, expect, it } from 'vitest'
import { emptyImage, type Start } from './image.js'
import { shellStart } from './start.js'
import { jsonList } from './words.js'

const start = (instruction: Start['instruction'], text: string | null): Start | null => {
  if (text === null) return null
  const list = jsonList(text)
  return { line: 1, instruction, text, argv: Array.isArray(list) ? list : null }
}
const shell = (entrypoint: string | null, cmd: string | null) => {
  const image = { ...emptyImage('a'), entrypoint: start('ENTRYPOINT', entrypoint), cmd: start('CMD', cmd) }
  return shellStart(image)?.start.instruction ?? null
}

describe('a shell as first process', () => {
  it.each([
    [null, null, null],
    [null, '["node", "a.js"]', null],
    [null, 'node a.js', 'CMD'],
    [null, 'exec node a.js', null],
    [null, 'a; b && exec node a.js', null],
    [null, 'A=1 B="x y" exec node a.js', null],
    [null, 'exec a; node b.js', 'CMD'],
    [null, 'exec a & wait', 'CMD'],
    [null, 'echo "; exec a"', 'CMD'],
    [null, 'echo \\; exec a', 'CMD'],
    [null, "['node']", 'CMD'],
    [null, '["sh", "-c", "node a.js"]', 'CMD'],
    [null, '["/bin/bash", "-lc", "exec node a.js"]', null],
    [null, '["bash", "start.sh"]', null],
    [null, '["bash", "-c"]', null],
    ['node a.js', null, 'ENTRYPOINT'],
    ['node a.js', '["x"]', 'ENTRYPOINT'],
    ['["./entry.sh"]', 'node a.js', 'CMD'],
    ['["./entry.sh"]', '["node"]', null],
    ['["/sbin/tini", "--"]', 'node a.js', null],
    ['["./entry.sh"]', null, null],
    ['["sh", "-c", "node a.js"]', null, 'ENTRYPOINT'],
    ['', null, null],
  ])('ENTRYPOINT %s, CMD %s: %s', (entrypoint, cmd, expected) => {
    expect(shell(entrypoint, cmd)).toBe(expected)
  })
})
