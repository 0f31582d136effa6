import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { ProcessIdentity } from '../spec/liveness.js'
import { judge, processIdentity } from './liveness.js'

const linux = process.platform === 'linux'
if (!linux) console.warn('liveness: the tests of /proc are skipped, this is not Linux')

const started: ChildProcess[] = []
const start = (command: string, args: string[]) => {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
  started.push(child)
  return child
}
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

const startTimeOf = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
}
const identityOf = (pid: number): ProcessIdentity => ({ ...processIdentity(), pid, startTime: startTimeOf(pid) })
const until = async (seen: () => boolean) => {
  for (let i = 0; i < 500 && !seen(); i++) await delay(10)
  expect(seen()).toBe(true)
}

describe.runIf(linux)('processIdentity', () => {
  it('names this process, the same at each call', () => {
    const self = processIdentity()
    expect(self).toEqual(processIdentity())
    expect(self).toMatchObject({ pid: process.pid, startTime: startTimeOf(process.pid) })
    expect(self.bootId).toMatch(/^[0-9a-f-]{36}$/)
    expect(self.pidNamespace).toMatch(/^pid:\[\d+\]$/)
  })
})

describe.runIf(linux)('judge', () => {
  const self = processIdentity()
  const isDead = (holder: ProcessIdentity, by: ProcessIdentity) => judge(holder, by) === 'dead'

  it('calls this process and a living one alive', () => {
    expect(judge(self, self)).toBe('alive')
    const child = start('sleep', ['60'])
    expect(judge(identityOf(child.pid!), self)).toBe('alive')
  })

  it('calls a process dead that ended and was reaped', async () => {
    const child = start('sleep', ['60'])
    const holder = identityOf(child.pid!)
    child.kill('SIGKILL')
    await until(() => isDead(holder, self))
  })

  it('calls a zombie dead, which a signal still reaches', async () => {
    // The parent never waits for its child, which so stays a zombie until the parent ends.
    const parent = start('/bin/sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'])
    const [line] = ((await new Promise((resolve) => parent.stdout!.once('data', resolve))) as Buffer)
      .toString()
      .split('\n')
    const pid = Number(line)
    const holder = identityOf(pid)
    expect(isDead(holder, self)).toBe(false)
    await until(() => readFileSync(`/proc/${parent.pid}/comm`, 'utf8').startsWith('sleep'))
    process.kill(pid, 'SIGKILL')
    await until(() => /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
    expect(() => process.kill(pid, 0)).not.toThrow()
    expect(isDead(holder, self)).toBe(true)
  })

  it('calls a process dead whose pid another one has', () => {
    const child = start('sleep', ['60'])
    expect(isDead({ ...identityOf(child.pid!), startTime: '1' }, self)).toBe(true)
  })

  it('reads the start time behind a name with spaces and parentheses', async () => {
    const child = start(process.execPath, [
      '-e',
      "process.title = 'a) Z 1 (b'; console.log('x'); setInterval(() => {}, 1e6)",
    ])
    await new Promise((resolve) => child.stdout!.once('data', resolve))
    expect(readFileSync(`/proc/${child.pid}/stat`, 'utf8')).toContain('a) Z 1 (b')
    expect(isDead(identityOf(child.pid!), self)).toBe(false)
  })

  it('answers nothing on any doubt', async () => {
    const child = start('sleep', ['60'])
    const holder = identityOf(child.pid!)
    child.kill('SIGKILL')
    await until(() => isDead(holder, self))
    expect(judge({ ...holder, bootId: 'another' }, self)).toBe('unknown')
    expect(judge({ ...holder, pidNamespace: 'pid:[1]' }, self)).toBe('unknown')
    expect(judge({ ...holder, bootId: '' }, { ...self, bootId: '' })).toBe('unknown')
    expect(judge({ ...holder, pidNamespace: '' }, { ...self, pidNamespace: '' })).toBe('unknown')
    expect(judge({ ...holder, pid: 0 }, self)).toBe('unknown')
    expect(judge({ ...identityOf(process.pid), startTime: '' }, self)).toBe('unknown')
  })
})
