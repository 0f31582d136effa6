import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { sshHost } from './sshHost.js'

/**
 * In place of ssh: runs all here, each session in a folder of its own, and lets no guard begin before so many sessions and forwards are asked for.
 * While there is a file `deaf` nothing is forwarded.
 */
function machine(sessions: number, forwards: number, options: { maxSessions?: number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-here-'))
  const program = join(folder, 'ssh')
  const script = `#!/bin/sh
d=${folder} f= s=
for last; do case $last in ControlPath=*) f=\${last#ControlPath=} ;; esac; done
count() { set -- "$d"/"$1"*; [ -e "$1" ] && echo $# || echo 0; }
case " $* " in
*' -O '*)
  mktemp "$d/\${2}.XXXXXX" >/dev/null
  [ ! -e "$d/deaf" ]
  ;;
*' ControlMaster=yes '*)
  : >"$f"
  : >"$d/master.$$"
  until [ $(count session.) -ge ${sessions} ] && [ $(count forward.) -ge ${forwards} ]; do sleep 0.05; done
  exec /bin/sh -c "$last"
  ;;
*) cd "$(mktemp -d "$d/session.XXXXXX")" && exec /bin/sh -c "$last" ;;
esac
`
  writeFileSync(program, script)
  chmodSync(program, 0o755)
  const host = sshHost({ destination: 'web', ssh: program, ...options })
  onTestFinished(async () => {
    await host.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const named = (name: string) => readdirSync(folder).filter((one) => one.startsWith(name))
  const masters = () => named('master.').map((name) => Number(name.slice('master.'.length)))
  return { host, folder, named, masters, living: () => masters().filter(lives) }
}

const lives = (pid: number) => {
  try {
    // Where nobody reaps the dead, they stay.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

const env = { PATH: '/usr/local/bin:/usr/bin:/bin' }

it('what a connection needs besides is opened while its guard begins', async () => {
  const { host, named } = machine(2, 1)
  const way = host.forward({ kind: 'unix', path: '/run/none.sock' }, { ahead: true })
  const [{ stdout }] = await Promise.all([host.exec(['pwd'], { env }), way])
  expect(named('forward.')).toHaveLength(1)
  // The command had no session opened for itself: one more waits again.
  expect(named('session.')).toContain(stdout.trim().split('/').at(-1))
  await expect.poll(() => named('session.').length, { timeout: 20_000 }).toBe(3)
}, 20_000)

it('a session that is opened with the connection is the first command’s, where there may be one', async () => {
  const { host, named } = machine(1, 0, { maxSessions: 1 })
  await host.exec(['pwd'], { env })
  await expect.poll(() => named('session.').length, { timeout: 20_000 }).toBe(2)
  const [first, second] = await Promise.all([host.exec(['pwd'], { env }), host.exec(['pwd'], { env })])
  expect(first.stdout).not.toBe(second.stdout)
}, 20_000)

it('a connection whose forwards do not come again is given up', async () => {
  const { host, folder, masters, living } = machine(0, 0)
  await host.forward({ kind: 'unix', path: '/run/none.sock' })
  writeFileSync(join(folder, 'deaf'), '')
  process.kill(masters()[0] ?? 0, 'SIGKILL')
  await expect.poll(() => masters().length, { timeout: 20_000 }).toBeGreaterThan(3)
  expect(living().length).toBeLessThan(2)
  rmSync(join(folder, 'deaf'))
  await host.exec(['true'], { env })
  await expect.poll(() => living().length, { timeout: 20_000 }).toBe(1)
}, 60_000)

it('a forward that is given up while it is made is taken back', async () => {
  const { host, named } = machine(0, 2)
  const aborting = new AbortController()
  const given = host.forward({ kind: 'unix', path: '/run/none.sock' }, { signal: aborting.signal })
  given.catch(() => undefined)
  await expect.poll(() => named('forward.').length, { timeout: 20_000 }).toBe(1)
  aborting.abort(new Error('enough'))
  await expect(given).rejects.toThrow('enough')
  await expect.poll(() => named('cancel.').length, { timeout: 20_000 }).toBe(1)
}, 60_000)
