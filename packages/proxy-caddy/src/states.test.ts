import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RouteTable } from '@appaloft/core/spec'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { markOf, outdatedFences, raiseMark } from './fences.js'
import { localFiles } from './files.js'
import type { Rank } from './names.js'
import { nextRank, type State, stateIn, stateOf, writing } from './states.js'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'appaloft-markers-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const set = (id: string, port: number) => ({
  deploymentId: `dep_${id}`,
  releaseId: `rel_${id}`,
  addresses: [{ kind: 'tcp' as const, host: '127.0.0.1', port }],
})
const table = (rest: Partial<RouteTable>): RouteTable => ({
  routes: [],
  live: null,
  staged: null,
  verify: null,
  identity: 'always',
  ...rest,
})
const token = 'f'.repeat(32)
const at = (name: string) => join(folder, 'g1', name)
const generation = async (name = 'g1') => (await localFiles.look(folder)).generations.find((one) => one.name === name)
const newest = async () => {
  const found = await generation()
  return found === undefined ? null : stateIn(found)
}
const write = async (rank: Rank, state: State, group: number | null = null, path = join(folder, 'g1')) => {
  const present = (await generation())?.names ?? []
  await localFiles.change(folder, writing({ folder: path, group, rank, state, present }))
}
const put = async (mark: number, next: RouteTable) => {
  const before = await newest()
  await write(nextRank(mark, before), stateOf(next, before))
}
const markers = async () => (await readdir(join(folder, 'g1'))).filter((name) => name.includes('~')).sort()

it('puts the newest first, keeps two more for requests on their way, and forgets what belonged to the others', async () => {
  for (let port = 1; port <= 5; port++) await put(1, table({ live: set(`r${port}`, port) }))
  expect((await markers()).map((name) => name.split('~').slice(1).join('~'))).toEqual([
    'a~dep_r5~1~127.0.0.1_5',
    'a~dep_r4~1~127.0.0.1_4',
    'a~dep_r3~1~127.0.0.1_3',
  ])
  const { table: present, former } = (await newest())!
  expect(present?.live?.deploymentId).toBe('dep_r5')
  expect(former.map(({ deploymentId }) => deploymentId)).toEqual(['dep_r4', 'dep_r3', 'dep_r2', 'dep_r1'])
})

it('lets the token choose what is staged, in the state that it belongs to only', async () => {
  const verify = { token, deploymentId: 'dep_b' }
  await put(1, table({ live: set('a', 1), staged: set('b', 2), verify, identity: 'verified' }))
  await put(1, table({ live: set('b', 2), verify }))
  const folders = (await readdir(join(folder, 'g1'))).filter((name) => name.startsWith('v.')).sort()
  const inside = await Promise.all(folders.map((name) => readdir(at(join(name, token)))))
  expect(inside).toEqual([['none'], ['~v~dep_b~1~127.0.0.1_2']])
  for (let port = 3; port <= 5; port++) await put(1, table({ live: set(`r${port}`, port) }))
  expect((await readdir(join(folder, 'g1'))).filter((name) => name.startsWith('v.'))).toEqual([])
})

it('lets nothing of a lower token come first, whenever it is written', async () => {
  await put(7, table({ live: set('new', 1) }))
  const stale = { table: table({ live: set('old', 2) }), former: [] }
  await write({ token: 6, number: 500 }, stale)
  expect((await newest())?.table?.live?.deploymentId).toBe('dep_new')
})

it('gives folders to this user alone, or to one group too', async () => {
  await put(1, table({ live: set('a', 1), staged: set('b', 2), verify: { token, deploymentId: 'dep_b' } }))
  const mode = async (path: string) => (await stat(path)).mode & 0o777
  expect(await mode(join(folder, 'g1'))).toBe(0o700)
  const group = process.getgid!()
  const state = stateOf(table({ live: set('a', 1), verify: { token, deploymentId: 'dep_a' } }), null)
  await write({ token: 1, number: 1 }, state, group, join(folder, 'deep', 'g2'))
  const [chosen] = (await readdir(join(folder, 'deep', 'g2'))).filter((name) => name.startsWith('v.'))
  for (const path of ['deep', 'deep/g2', `deep/g2/${chosen}`, `deep/g2/${chosen}/${token}`])
    expect(await mode(join(folder, path)), path).toBe(0o750)
})

it('raises a mark once, for one of many, and never back', async () => {
  const raise = (next: number, expected: number, owner: string) =>
    raiseMark({ folder, group: null, resourceId: 'res_web', token: next, expected, owner })
  const tries = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => raise(n + 1, 0, `dep_${n}`)))
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  const mark = markOf(await localFiles.look(folder))
  await raise(mark.token, 0, mark.owner)
  for (let next = mark.token + 1; next < mark.token + 70; next++) {
    const seen = await raise(next, next - 1, 'dep_x')
    await localFiles.change(folder, outdatedFences(folder, seen))
  }
  expect(markOf(await localFiles.look(folder))).toEqual({ token: mark.token + 69, owner: 'dep_x' })
  await expect(raise(mark.token + 3, mark.token + 2, 'dep_y')).rejects.toMatchObject({ code: 'fenced' })
  expect((await readdir(join(folder, 'fence'))).length).toBeLessThanOrEqual(51)
})
