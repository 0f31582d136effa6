import { createHash, randomUUID } from 'node:crypto'
import { mkdir, realpath, rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { AppaloftError, type Host } from '@appaloft/core/spec'

/** Where Caddy's things lie, in one folder that the container has under the same path. */
export interface Folder {
  folder: string
  /** Below it: configuration, certificates, socket. */
  run: string
  /** The admin API. */
  socket: string
  /** The markers. */
  root: string
  /** Of the folder: two containers of one are one. */
  owner: string
}

/** Whose it is, and where links lead: the container knows none of them. */
export interface Ready {
  user: string
  source: string
  /** What Caddy starts with where it has saved nothing. */
  file: string
}

/** A folder here or on another machine. */
export interface Place {
  folder(): Promise<Folder>
  /** Makes the folders, for this user alone, and writes the configuration. Idempotent. */
  ready(config: string): Promise<Ready>
  /** The socket of the admin API, as it is reached from here. */
  admin(): Promise<string>
}

const below = (folder: string, root: string): Folder => {
  const run = join(folder, 'run')
  const owner = createHash('sha256').update(folder).digest('hex').slice(0, 16)
  return { folder, run, socket: join(run, 'admin.sock'), root: join(folder, root), owner }
}

export function placeHere(stateDir: string): Place & { at: Folder } {
  const at = below(join(resolve(stateDir), 'docker'), 'caddy')
  return {
    at,
    folder: async () => at,
    async ready(config) {
      for (const path of [at.folder, at.run]) await mkdir(path, { recursive: true, mode: 0o700 })
      const file = join(at.run, 'caddy.json')
      const fresh = `${file}.${randomUUID()}`
      await writeFile(fresh, config, { mode: 0o600 })
      await rename(fresh, file)
      const user = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`
      return { user, source: await realpath(at.folder), file }
    },
    admin: async () => at.socket,
  }
}

const env = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin',
  LC_ALL: 'C',
}
const timeoutMs = 60_000

/** Not by HOME, which a command has only where it is given one. */
const homeScript = `
id=$(id -u) || exit
if [ "$id" = 0 ]; then echo /var/lib; exit; fi
entry=$(getent passwd "$id" 2>/dev/null) || entry=
if [ -z "$entry" ]; then
  while IFS= read -r line; do case $line in *:*:"$id":*) entry=$line; break ;; esac; done </etc/passwd
fi
IFS=:
set -f
set -- $entry
[ -n "$6" ] && echo "$6/.local/state"`

const readyScript = `
umask 077
mkdir -p "$1/run" && chmod 700 "$1" "$1/run" || exit
cat >"$2.$3" && mv -f "$2.$3" "$2" || exit
cd "$1" && echo "$(id -u):$(id -g)" && pwd -P`

/** On another machine, by its commands. `given`: the folder there; by default the same for everybody who logs in as this user. */
export function placeThere(machine: Host, given: string | undefined, scope: string): Place & { at: Folder | null } {
  const of = (folder: string) => below(folder, 'live')
  const at = given === undefined ? null : of(given.replace(/\/+$/, ''))
  const run = async (script: string, args: readonly string[], input = ''): Promise<string[]> => {
    const { exitCode, stdout, stderr } = await machine.exec(['sh', '-c', script, 'sh', ...args], {
      env,
      input,
      timeoutMs,
    })
    const lines = stdout.split('\n').slice(0, -1)
    if (exitCode === 0 && lines.length > 0) return lines
    const words = stderr.trim().split('\n').at(-1) ?? ''
    throw new AppaloftError('runtime-backend-unavailable', {
      message: `The folder of Caddy’s container on ${machine.key} cannot be made${words === '' ? '' : `: ${words}`}.`,
      recoveryHint: 'Name a folder there that this user may write, by the option root of caddyContainer.',
    })
  }
  let found: Promise<Folder> | undefined
  const folder = async (): Promise<Folder> => {
    if (at !== null) return at
    found ??= run(homeScript, []).then(([home]) =>
      of(join(home ?? '/', 'appaloft', scope === 'main' ? 'caddy' : `caddy-${scope}`)),
    )
    // What was wrong may have been mended when it is asked again.
    found.catch(() => {
      found = undefined
    })
    return await found
  }
  let way: Promise<string> | undefined
  const forwarded = async () => {
    const { address } = await machine.forward({ kind: 'unix', path: (await folder()).socket })
    return address.kind === 'unix' ? address.path : ''
  }
  return {
    at,
    folder,
    async ready(config) {
      const { folder: path, run: inside } = await folder()
      const file = join(inside, 'caddy.json')
      const [user = '', source = ''] = await run(readyScript, [path, file, randomUUID()], config)
      return { user, source, file }
    },
    admin() {
      way ??= forwarded()
      way.catch(() => {
        way = undefined
      })
      return way
    },
  }
}
