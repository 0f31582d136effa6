import assert from 'node:assert/strict'
import type { HostExecOptions } from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { type HostFactory, hostCase, type Machine, refused, rejectedWith } from './machine.js'

/** Starts a child in the background, tells its pid, and waits for it. */
const parent = 'sleep 300 & echo $!; wait'
const stubborn = 'trap "" TERM; sleep 300 & echo $!; while :; do wait; done'

/** Runs a script that tells a pid in its first line; `act` is called with it while the script runs. */
function telling(machine: Machine, script: string, options: HostExecOptions, act: (pid: number) => void) {
  const told: number[] = []
  const onLine: HostExecOptions['onLine'] = ({ text }) => {
    told.push(Number(text))
    act(Number(text))
  }
  return { told, ended: machine.sh(script, [], { ...options, onLine }) }
}

async function expectGone(machine: Machine, told: readonly number[]): Promise<void> {
  assert.equal(told.length, 1)
  assert.equal(await machine.lives(told[0] ?? 0), false, `process ${told[0]} still runs`)
}

const aborted = (script: string) => async (machine: Machine) => {
  const aborting = new AbortController()
  const reason = new Error('no longer wanted')
  const { told, ended } = telling(machine, script, { signal: aborting.signal }, () => aborting.abort(reason))
  await rejectedWith(ended, reason)
  await expectGone(machine, told)
  assert.equal(await machine.ask('echo still here'), 'still here\n')
}

export const endingCases: readonly ConformanceCase<HostFactory>[] = [
  hostCase(
    'host.abort.group',
    'an abort ends all that the command started before it fails with the signal’s reason',
    aborted(parent),
    ['processes'],
  ),
  hostCase('host.abort.stubborn', 'an abort ends a command that ignores SIGTERM', aborted(stubborn), ['processes']),
  hostCase('host.abort.before', 'an abort that came before runs nothing', async (machine) => {
    const reason = new Error('too late')
    const signal = AbortSignal.abort(reason)
    await rejectedWith(machine.sh('echo > "$1"', [machine.at('ran')], { signal }), reason)
    await rejectedWith(machine.host.exec(['appaloft-no-such-command'], { signal }), reason)
    assert.equal((await machine.sh('test -e "$1"', [machine.at('ran')])).exitCode, 1)
  }),
  hostCase('host.abort.after', 'an abort that came after changes nothing', async (machine) => {
    const aborting = new AbortController()
    const result = await machine.sh('echo done', [], { signal: aborting.signal })
    aborting.abort()
    assert.equal(result.stdout, 'done\n')
    assert.equal(await machine.ask('echo still here'), 'still here\n')
  }),
  hostCase(
    'host.timeout',
    'a command that outlasts its limit ends with all that it started',
    async (machine) => {
      // Long enough for a shell to start on a busy machine.
      const timeoutMs = Math.min(1_000, machine.patienceMs / 3)
      const { told, ended } = telling(machine, parent, { timeoutMs }, () => undefined)
      const error = await refused(ended, 'timeout')
      assert.ok(error.message.includes(String(timeoutMs)), error.message)
      await expectGone(machine, told)
      assert.equal((await machine.sh('echo quick', [], { timeoutMs: machine.patienceMs })).stdout, 'quick\n')
    },
    ['processes'],
  ),
  hostCase(
    'host.background',
    'what a command left running ends with it, and is not waited for',
    async (machine) => {
      const { told, ended } = telling(machine, 'sleep 300 & echo $!', {}, () => undefined)
      assert.equal((await ended).exitCode, 0)
      await expectGone(machine, told)
    },
    ['processes'],
  ),
  hostCase('host.close', 'a closed host ends what runs and refuses what comes', async (machine) => {
    let closing: Promise<void> | undefined
    const { ended } = telling(machine, 'echo 1; sleep 300', {}, () => {
      closing = machine.host.close()
    })
    await refused(ended, 'runtime-backend-unavailable')
    await closing
    await machine.host.close()
    await refused(machine.host.exec(['echo']), 'runtime-backend-unavailable')
    await refused(machine.host.upload(await machine.local(), machine.at('x')), 'runtime-backend-unavailable')
    const nowhere = { kind: 'tcp', host: '127.0.0.1', port: 9 } as const
    await refused(machine.host.forward(nowhere), 'runtime-backend-unavailable')
  }),
]
