import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { Address, Host, HostExecResult } from '@appaloft/core/spec'
import type { Files } from './files.js'
import { unavailable } from './unavailable.js'

/** Ways to addresses of a machine, each made once. */
export class Elsewhere {
  readonly #ways = new Map<string, Promise<Address>>()

  constructor(readonly machine: Host) {}

  async way(remote: Address): Promise<Address> {
    const name = JSON.stringify(remote)
    const known = this.#ways.get(name)
    if (known !== undefined) return await known
    const made = this.machine.forward(remote).then(({ address }) => address)
    this.#ways.set(name, made)
    made.catch(() => this.#ways.delete(name))
    return await made
  }
}

const env = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin',
  LC_ALL: 'C',
}
const limits = { timeoutMs: 60_000, maxBufferBytes: 16 * 1024 * 1024 }
/** The exit code for what is not there. */
const absent = 3
const taken = 4

const scripts = {
  names: '[ -e "$1" ] || exit 3; ls -A "$1"',
  text: 'cat "$1" 2>/dev/null && exit; [ -e "$1" ] || exit 3; cat "$1"',
  // Whole seconds: a second more than can have passed counts as none.
  age: 'm=$(stat -c %Y "$1" 2>/dev/null) || exit 3; echo $(($(date +%s) - m - 1))',
  folder: `
p=$1 m= q=$1
while [ ! -d "$q" ]; do m=$q q=\${q%/*}; done
umask 077
mkdir -p "$p" || exit 1
[ -n "$2" ] && [ -n "$m" ] || exit 0
while chgrp "$2" "$p" && chmod 750 "$p"; do [ "$p" = "$m" ] && exit 0; p=\${p%/*}; done
exit 1`,
  written: `
umask 077
trap 'rm -f "$2"' EXIT
cat >"$2" && { sync "$2" || sync; } 2>/dev/null || exit 1
if [ "$3" = claim ]; then ln "$2" "$1" 2>/dev/null || { [ -e "$1" ] && exit 4; exit 1; }
else mv -f "$2" "$1" || exit 1; fi
sync "\${1%/*}" 2>/dev/null || sync`,
  touch: 'umask 077; : >"$1"',
  discard: 'rm -rf "$1"',
}

/** The markers of a Caddy on another machine, by its own commands: each operation one way there and back. */
export function machineFiles(machine: Host): Files {
  const run = async (script: string, args: readonly string[], input = ''): Promise<HostExecResult> =>
    await machine.exec(['sh', '-c', script, 'sh', ...args], { env, input, ...limits })
  const told = async (script: string, args: readonly string[], answers: readonly number[], input?: string) => {
    const result = await run(script, args, input)
    if (result.exitCode === 0 || answers.includes(result.exitCode ?? -1)) return result
    const words = result.stderr.trim().split('\n').at(-1) ?? ''
    throw unavailable(
      `The proxy’s markers on ${machine.key} cannot be used${words === '' ? '' : `: ${words}`}.`,
      'Let the user own the folder that the option root of the proxy names, or name another one.',
    )
  }
  const written = (path: string, content: string, how: 'claim' | 'put') =>
    told(
      scripts.written,
      [path, join(dirname(path), `new-${randomUUID()}`), how],
      how === 'claim' ? [taken] : [],
      content,
    )
  return {
    names: async (folder) => {
      const { exitCode, stdout } = await told(scripts.names, [folder], [absent])
      return exitCode === absent ? [] : stdout.split('\n').filter((name) => name !== '')
    },
    text: async (path) => {
      const { exitCode, stdout } = await told(scripts.text, [path], [absent])
      return exitCode === absent ? null : stdout
    },
    writtenAt: async (path) => {
      const { exitCode, stdout } = await told(scripts.age, [path], [absent])
      // By the machine's own clock, which may be another than the one here.
      return exitCode === absent ? 0 : Date.now() - Math.max(0, Number(stdout)) * 1000
    },
    folderFor: async (path, group) =>
      void (await told(scripts.folder, [path, group === null ? '' : String(group)], [])),
    put: async (path, content) => void (await written(path, content, 'put')),
    claim: async (path, content) => (await written(path, content, 'claim')).exitCode === 0,
    touch: async (path) => void (await told(scripts.touch, [path], [])),
    discard: async (path) => void (await told(scripts.discard, [path], [])),
  }
}
