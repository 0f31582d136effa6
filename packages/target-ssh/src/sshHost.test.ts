import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { sshHost } from './sshHost.js'

/** In place of ssh: runs all here, each session in a folder of its own, and lets no guard begin before so many sessions and forwards are asked for. */
function machine(sessions: number, forwards: number, options: { maxSessions?: number } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'appaloft-here-'))
  const program = join(folder, 'ssh')
  const script = `#!/bin/sh
d=${folder} f= s=
for last; do case $last in ControlPath=*) f=\${last#ControlPath=} ;; esac; done
count() { set -- "$d"/"$1"*; [ -e "$1" ] && echo $# || echo 0; }
case " $* " in
*' -O '*) mktemp "$d/forward.XXXXXX" >/dev/null ;;
*' ControlMaster=yes '*)
  : >"$f"
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
  return { host, named: (name: string) => readdirSync(folder).filter((one) => one.startsWith(name)) }
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
