import { spawn } from 'node:child_process'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { endGroup, groupMembers, labelled } from './groups.js'
import { identify, isAlive, ownIdentity, type ProcessIdentity, processRow, processTable } from './processes.js'

const start = async (script: string, env: Record<string, string> = {}): Promise<ProcessIdentity> => {
  const child = spawn('/bin/sh', ['-c', script], {
    detached: true,
    stdio: 'ignore',
    env: { PATH: process.env.PATH, ...env },
  })
  await new Promise((resolve) => child.once('spawn', resolve))
  await sleep(60)
  const identity = identify(child.pid ?? 0)
  if (identity === null) throw new Error('it ended too early')
  return identity
}

it('a process is known by boot, namespace and start time, not by its pid', () => {
  const self = ownIdentity()
  expect(isAlive(self)).toBe(true)
  expect(isAlive({ ...self, startTime: '1' })).toBe(false)
  expect(isAlive({ ...self, bootId: 'another' })).toBe(false)
  expect(isAlive({ ...self, pidNamespace: 'another' })).toBe(false)
  expect(identify(2 ** 22 + 1)).toBeNull()
  expect(processRow(0)).toBeNull()
  expect(processTable().some((row) => row.pid === process.pid && row.startTime === self.startTime)).toBe(true)
})

it('a group is ended with groups of its own inside it', async () => {
  const leader = await start('sleep 60 & set -m; sleep 60 & wait')
  expect(groupMembers(leader).length).toBeGreaterThanOrEqual(3)
  expect(await endGroup(leader, { graceMs: 2_000 })).toEqual({ forced: false, left: 0 })
  expect(groupMembers(leader)).toEqual([])
})

it('also a descendant in a session of its own, as long as it hangs together', async () => {
  const leader = await start('setsid sleep 61 & wait')
  const other = groupMembers(leader).find((row) => row.session !== leader.pid)
  expect(other).toBeDefined()
  await endGroup(leader, { graceMs: 2_000 })
  expect(processRow(other?.pid ?? 0)?.state ?? 'gone').toMatch(/gone|Z/)
})

it('SIGKILL comes after the grace', async () => {
  const leader = await start("trap '' TERM; while :; do sleep 0.1; done")
  const began = performance.now()
  expect(await endGroup(leader, { graceMs: 300 })).toEqual({ forced: true, left: 0 })
  expect(performance.now() - began).toBeGreaterThan(290)
})

it('a group whose leader is gone is ours only by its labels', async () => {
  const label = { APPALOFT_DEPLOYMENT_ID: `dep_${process.pid}` }
  const leader = await start('sleep 62 & sleep 0.1', label)
  await sleep(300)
  expect(isAlive(leader)).toBe(false)
  expect(groupMembers(leader, { proof: labelled({ APPALOFT_DEPLOYMENT_ID: 'dep_other' }) })).toEqual([])
  expect(groupMembers(leader, { proof: labelled(label) })).toHaveLength(1)
  await endGroup(leader, { graceMs: 1_000, proof: labelled(label) })
  expect(groupMembers(leader)).toEqual([])
})

it('another process that got the number of a leader is left alone', async () => {
  const leader = await start('sleep 63')
  const former = { ...leader, startTime: '1' }
  expect(groupMembers(former)).toEqual([])
  await endGroup(former, { graceMs: 100 })
  expect(isAlive(leader)).toBe(true)
  await endGroup(leader, { graceMs: 1_000 })
})
