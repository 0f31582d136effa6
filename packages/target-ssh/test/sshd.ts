import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endsWithUs } from '../../testkit/test/guard.js'
import { type SshHostOptions, sshHost } from '../src/index.js'

/** What `npm test` and `node scripts/engines.mjs` tell: the folder with the programs. Without it, tests with an sshd are skipped. */
const parts = process.env.APPALOFT_TEST_SSHD ?? ''
export const haveSshd = parts !== ''
export const withoutSshd = '(needs an sshd: run it with node scripts/engines.mjs, as root on Debian or Ubuntu)'

export interface SshdOptions {
  /** Lines of its configuration. */
  config?: readonly string[]
  /** By name of a user its number (root's where none is given), its login shell and the files of its home. */
  users?: Readonly<Record<string, { id?: number; shell?: string; files?: Readonly<Record<string, string>> }>>
}

export interface Sshd {
  port: number
  /** Everything of it: keys, homes, configuration. */
  folder: string
  identityFile: string
  /** A folder with room for 1 MiB, which only it can see. */
  full: string
  /** Its public host key. */
  hostKey: string
  pid: number
  /** A host of one of its users, with its key pinned. */
  host(user?: string, options?: Partial<SshHostOptions>): ReturnType<typeof sshHost>
  options(user?: string): SshHostOptions
  log(): string
  /** Ends it with all its connections, as a crash of the machine's network would. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  await once(server.close(), 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

export const newKey = (path: string) => execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path])

/** In a mount namespace of its own: users, and the folder that sshd wants, are there for this sshd alone. */
const namespace = `
mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow || exit
mount --rbind "$2" "$1/run" && mount -t tmpfs -o mode=755 tmpfs "$2" && mkdir /run/sshd || exit
for one in "$1"/run/*; do [ -e "$2/\${one##*/}" ] || ln -s "$one" "$2/"; done
mount -t tmpfs -o size=1m tmpfs "$1/full" || exit
exec "$3" -D -e -f "$1/sshd_config"
`

/** A real sshd on a free port of 127.0.0.1, with users that are all root but for `stranger`, each with a home and a login shell of its own. */
export async function startSshd({ config = [], users = {} }: SshdOptions = {}): Promise<Sshd> {
  const folder = await mkdtemp(join(tmpdir(), 'appaloft-sshd-'))
  await chmod(folder, 0o755)
  const all = { plain: {}, stranger: { id: 65_533 }, ...users }
  let port = 0
  const [hostKeyFile, identityFile] = [join(folder, 'host_key'), join(folder, 'id')]
  newKey(hostKeyFile)
  newKey(identityFile)
  const passwd = ['root:x:0:0:root:/root:/bin/sh', 'sshd:x:74:65534::/run/sshd:/usr/sbin/nologin']
  const shadow = ['root:*:19000:0:99999:7:::']
  for (const [name, { id = 0, shell = '/bin/sh', files = {} }] of Object.entries<
    NonNullable<SshdOptions['users']>[string]
  >(all)) {
    const home = join(folder, 'home', name)
    await mkdir(home, { recursive: true })
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(home, path, '..'), { recursive: true })
      await writeFile(join(home, path), text)
    }
    passwd.push(`${name}:x:${id}:${id}::${home}:${shell}`)
    shadow.push(`${name}:*:19000:0:99999:7:::`)
  }
  await writeFile(join(folder, 'passwd'), `${passwd.join('\n')}\n`)
  await writeFile(join(folder, 'shadow'), `${shadow.join('\n')}\n`)
  const settings = {
    HostKey: hostKeyFile,
    AuthorizedKeysFile: `${identityFile}.pub`,
    PidFile: 'none',
    UsePAM: 'no',
    StrictModes: 'no',
    PermitRootLogin: 'yes',
    PasswordAuthentication: 'no',
    KbdInteractiveAuthentication: 'no',
    LogLevel: 'VERBOSE',
  }
  const configure = async () => {
    port = await freePort()
    const all = { ListenAddress: `127.0.0.1:${port}`, ...settings }
    const lines = [...config, ...Object.entries(all).map(([name, value]) => `${name} ${value}`)]
    await writeFile(join(folder, 'sshd_config'), `${lines.join('\n')}\n`)
  }
  const full = join(folder, 'full')
  await mkdir(full)
  await mkdir(join(folder, 'run'))

  let child: ChildProcess
  let log = ''
  const start = async () => {
    const program = join(parts, 'root/usr/sbin/sshd')
    const args = ['--mount', '--propagation', 'private', '/bin/sh', '-c', namespace, 'sh', folder, '/run', program]
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LD_LIBRARY_PATH: process.env.APPALOFT_TEST_SSHD_LIBRARIES }
    child = spawn('unshare', args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true, env })
    // With the listener nobody lets a connection in; those that are there end with whoever made them.
    endsWithUs(child)
    const from = log.length
    child.stderr?.on('data', (chunk: Buffer) => {
      log += chunk.toString()
    })
    for (let tries = 0; !log.slice(from).includes('Server listening'); tries += 1) {
      if (tries > 1_500 || child.exitCode !== null) throw new Error(`sshd did not start: ${log.slice(from)}`)
      await sleep(20)
    }
  }
  const stop = async () => {
    if (child.pid === undefined) return
    for (const pid of descendants(child.pid)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {}
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  const hostKey = (await readFile(`${hostKeyFile}.pub`, 'utf8')).trim()
  const options = (user = 'plain'): SshHostOptions => ({
    destination: `${user}@127.0.0.1`,
    port,
    identityFile,
    configFile: '/dev/null',
    knownHosts: { keys: [hostKey] },
    graceSeconds: 0.3,
  })
  for (let tries = 1; ; tries += 1) {
    await configure()
    const error = await start().then(
      () => null,
      (reason: unknown) => reason,
    )
    if (error === null) break
    // A port that was free may be somebody's by now.
    if (tries === 5 || !String(error).includes('Address already in use')) throw error
  }
  return {
    port,
    folder,
    identityFile,
    full,
    hostKey,
    get pid() {
      return child.pid ?? 0
    },
    host: (user, more = {}) => sshHost({ ...options(user), ...more }),
    options,
    log: () => log,
    stop,
    start,
    close: async () => {
      await stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** sshd's own: the listener and the process of each connection, not what runs in sessions. */
export function descendants(pid: number): number[] {
  const listed = execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' })
  const rows = listed
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
  const below = (parent: number): number[] =>
    rows
      .filter(([, ppid, name]) => Number(ppid) === parent && name === 'sshd')
      .flatMap(([child]) => [Number(child), ...below(Number(child))])
  return [...below(pid), pid]
}
