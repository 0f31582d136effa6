import { spawn } from 'node:child_process'
import { cp, mkdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { localHost } from '@appaloft/core'
import { AppaloftError, type Host, type HostExecOptions, type HostExecResult } from '@appaloft/core/spec'
import { afterEach, describe, expect, it } from 'vitest'
import { hostConformance, hostsHere } from './host.js'

/** Groups and hosts that broken hosts leave behind. */
const left: number[] = []
const sounds: Host[] = []
afterEach(async () => {
  await Promise.all(sounds.splice(0).map((one) => one.close()))
  for (const pid of left.splice(0)) {
    try {
      process.kill(-pid, 'SIGKILL')
    } catch {}
  }
})

type Argv = readonly [string, ...string[]]
type Change = (h: Host) => Partial<Host>

/** Changes what is asked. */
const asked =
  (change: (argv: Argv, options: HostExecOptions) => [Argv, HostExecOptions]): Change =>
  (h) => ({ exec: (argv, options = {}) => h.exec(...change(argv, options)) })
const options = (change: (given: HostExecOptions) => HostExecOptions) => asked((argv, given) => [argv, change(given)])
/** Changes what is answered. */
const answered =
  (change: (result: HostExecResult) => Partial<HostExecResult>): Change =>
  (h) => ({
    exec: async (argv, given) => {
      const result = await h.exec(argv, given)
      return { ...result, ...change(result) }
    },
  })
const failing =
  (change: (error: unknown) => unknown): Change =>
  (h) => ({ exec: (argv, given) => h.exec(argv, given).catch((error) => Promise.reject(change(error))) })
const lines = (change: (text: string, tell: (text: string) => void) => void) =>
  options((given) => {
    const { onLine } = given
    if (onLine === undefined) return given
    return { ...given, onLine: ({ stream, text }) => change(text, (other) => onLine({ stream, text: other })) }
  })
/** A command after whose children nobody looks. */
const leaderOnly: Change = () => ({
  exec: (argv, given = {}) =>
    new Promise((resolve, reject) => {
      const [program, ...rest] = argv
      const child = spawn(program, rest, { env: { ...given.env }, cwd: given.cwd, detached: true, stdio: 'pipe' })
      left.push(child.pid ?? 0)
      let stdout = ''
      // A command that ends without reading breaks the pipe: that is none of this host's faults.
      child.stdin.on('error', () => {})
      child.stdin.end(given.input ?? '')
      child.stderr.resume()
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text
        for (const line of text.split('\n').slice(0, -1)) given.onLine?.({ stream: 'stdout', text: line })
      })
      const end = (reason: unknown) => {
        child.kill()
        reject(reason)
      }
      const limit = given.timeoutMs
      if (limit !== undefined) {
        setTimeout(() => end(new AppaloftError('timeout', { message: `${limit} ms` })), limit)
      }
      given.signal?.addEventListener('abort', () => end(given.signal?.reason))
      child.on('exit', (exitCode, signal) => setTimeout(() => resolve({ exitCode, signal, stdout, stderr: '' }), 20))
    }),
})
/** As the system's cp does it. */
const copied =
  (...how: string[]): Change =>
  (h) => ({
    upload: async (from, to) => {
      await h.exec(['mkdir', '-p', to])
      const { exitCode, stderr } = await h.exec(['cp', '-R', ...how, `${from}/.`, to])
      if (exitCode !== 0) throw new Error(stderr)
    },
  })
/** Does something after each upload. */
const afterwards =
  (act: (h: Host, to: string) => Promise<unknown>): Change =>
  (h) => ({
    upload: async (from, to, given) => {
      try {
        await h.upload(from, to, given)
      } finally {
        await act(h, to)
      }
    },
  })
const quote = (argv: Argv) => argv.map((one) => `"${one}"`).join(' ')

/** For each case hosts that are wrong in one way, which the case must notice. */
const broken: Record<string, Record<string, Change>> = {
  'host.identity': {
    'another version': () => ({ specVersion: 2 as unknown as 1 }),
    'no name': () => ({ key: '' }),
  },
  'host.exec.argv': {
    'a shell in double quotes': asked((argv, given) => [
      ['sh', '-c', quote(argv)],
      { ...given, env: { PATH: '/bin' } },
    ]),
    'no empty arguments': asked((argv, given) => [argv.filter((one) => one !== '') as unknown as Argv, given]),
    'trimmed arguments': asked((argv, given) => [argv.map((one) => one.trim()) as unknown as Argv, given]),
    'leaves a file': asked((argv, given) => [['sh', '-c', 'echo > .left; exec "$@"', 'sh', ...argv], given]),
  },
  'host.exec.exit-code': {
    throws: (h) => ({
      exec: async (argv, given) => {
        const result = await h.exec(argv, given)
        if (result.exitCode !== 0) throw new Error('failed')
        return result
      },
    }),
    '255 is its own': answered(({ exitCode }) => ({ exitCode: exitCode === 255 ? null : exitCode })),
    'all is well': answered(() => ({ exitCode: 0 })),
  },
  'host.exec.signal': {
    'as a shell tells it': answered((result) =>
      result.signal === null ? {} : { exitCode: result.signal === 'SIGKILL' ? 137 : 143, signal: null },
    ),
    'always the same': answered(({ signal }) => ({ signal: signal === null ? null : 'SIGKILL' })),
  },
  'host.exec.streams': {
    trims: answered(({ stdout }) => ({ stdout: stdout.trimEnd() })),
    'mends line ends': answered(({ stderr }) => ({ stderr: stderr.replace('\r\n', '\n') })),
    'both in one': answered(({ stdout, stderr }) => ({ stdout: stdout + stderr })),
  },
  'host.exec.environment': {
    inherits: options((given) => ({ ...given, env: { APPALOFT_TEST_CANARY: 'leaked', ...given.env } })),
    'inherits where none is given': options((given) => ({ ...given, env: given.env ?? { HOME: '/root' } })),
    'forgets empty ones': options(({ env = {}, ...given }) => ({
      ...given,
      env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== '')),
    })),
    'one line each': options(({ env = {}, ...given }) => ({
      ...given,
      env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value.replaceAll('\n', ' ')])),
    })),
  },
  'host.exec.program': {
    'a PATH of its own': asked(([name, ...rest], given) => [
      name.includes('/') ? [name, ...rest] : [`/bin/${name}`, ...rest],
      given,
    ]),
  },
  'host.exec.not-found': {
    'as a shell tells it': (h) => ({
      exec: (argv, given) => h.exec(argv, given).catch(() => ({ exitCode: 127, signal: null, stdout: '', stderr: '' })),
    }),
    'the system’s error': failing(() => Object.assign(new Error('spawn ENOENT'), { code: 'ENOENT' })),
    'shows arguments': (h) => ({
      exec: (argv, given) =>
        h.exec(argv, given).catch(() => {
          throw new AppaloftError('command-not-found', { message: argv.join(' ') })
        }),
    }),
  },
  'host.exec.cwd': {
    'its own': options(({ cwd: _, ...given }) => given),
    'makes it': (h) => ({
      exec: async (argv, given = {}) => {
        if (given.cwd !== undefined) await mkdir(given.cwd, { recursive: true })
        return await h.exec(argv, given)
      },
    }),
  },
  'host.exec.input': {
    'no input': options(({ input: _, ...given }) => given),
    'cuts it': options((given) => ({ ...given, input: given.input?.slice(0, 65_536) ?? '' })),
    'bytes as text': options((given) =>
      given.input === undefined || typeof given.input === 'string'
        ? given
        : { ...given, input: Buffer.from(given.input).toString() },
    ),
    'never ends it': (h) => ({
      exec: (argv, given = {}) => (given.input === undefined ? new Promise(() => {}) : h.exec(argv, given)),
    }),
  },
  'host.exec.input-unread': {
    'a broken pipe is an error': (h) => ({
      exec: async (argv, given) => {
        await h.exec(argv, given)
        throw Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })
      },
    }),
  },
  'host.exec.buffer': {
    'keeps all': options((given) => ({ ...given, maxBufferBytes: 2 ** 24 })),
    'keeps the beginning': (h) => ({
      exec: async (argv, given = {}) => {
        const result = await h.exec(argv, { ...given, maxBufferBytes: 2 ** 24 })
        return { ...result, stdout: result.stdout.slice(0, given.maxBufferBytes) }
      },
    }),
    'counts characters': (h) => ({
      exec: async (argv, given = {}) => {
        const result = await h.exec(argv, { ...given, maxBufferBytes: 2 ** 24 })
        return { ...result, stdout: result.stdout.slice(-(given.maxBufferBytes ?? 2 ** 20)) }
      },
    }),
    'both streams share it': answered(({ stdout, stderr }) => ({ stderr: stdout.length > 50 ? '' : stderr })),
  },
  'host.exec.parallel': {
    'one buffer': (h) => {
      let all = ''
      return {
        exec: async (argv, given) => {
          const result = await h.exec(argv, given)
          all += result.stdout
          return { ...result, stdout: all }
        },
      }
    },
  },
  'host.lines.complete': {
    'forgets the last': lines((text, tell) => void (text === 'last' ? undefined : tell(text))),
    'forgets empty ones': lines((text, tell) => void (text === '' ? undefined : tell(text))),
    'tells twice': lines((text, tell) => {
      tell(text)
      if (text === 'out 7') tell(text)
    }),
    late: lines((text, tell) => void setTimeout(() => tell(text), 50)),
    'all on one stream': options((given) => {
      const { onLine } = given
      return onLine === undefined ? given : { ...given, onLine: ({ text }) => onLine({ stream: 'stdout', text }) }
    }),
  },
  'host.lines.characters': {
    'by bytes': lines((text, tell) => tell(Buffer.from(text).toString('latin1'))),
    'with carriage returns': lines((text, tell) => tell(`${text}\r`)),
  },
  'host.lines.long': { cuts: lines((text, tell) => tell(text.slice(0, 65_536))) },
  'host.lines.at-once': {
    'at the end': (h) => ({
      exec: async (argv, given = {}) => {
        const { onLine, ...rest } = given
        const result = await h.exec(argv, rest)
        for (const text of result.stdout.trimEnd().split('\n')) onLine?.({ stream: 'stdout', text })
        return result
      },
    }),
  },
  'host.lines.throw': {
    'swallows it': options((given) => {
      const { onLine } = given
      if (onLine === undefined) return given
      const quiet: typeof onLine = (line) => {
        try {
          onLine(line)
        } catch {}
      }
      return { ...given, onLine: quiet, timeoutMs: 500 }
    }),
  },
  'host.abort.group': {
    'ends the leader alone': leaderOnly,
    'words of its own': failing(() => new AppaloftError('canceled')),
    'does not wait': (h) => ({
      exec: (argv, given = {}) =>
        new Promise((resolve, reject) => {
          given.signal?.addEventListener('abort', () => reject(given.signal?.reason))
          const late = new AbortController()
          given.signal?.addEventListener('abort', () => setTimeout(() => late.abort(), 200))
          h.exec(argv, { ...given, signal: late.signal }).then(resolve, () => {})
        }),
    }),
  },
  'host.abort.stubborn': { 'asks only': leaderOnly },
  'host.abort.before': {
    'runs it first': (h) => ({
      exec: async (argv, given = {}) => {
        const { signal, ...rest } = given
        const result = await h.exec(argv, rest)
        signal?.throwIfAborted()
        return result
      },
    }),
  },
  'host.abort.after': {
    'is of no use any more': (h) => {
      let aborted = false
      return {
        exec: (argv, given = {}) => {
          given.signal?.addEventListener('abort', () => {
            aborted = true
          })
          return aborted ? Promise.reject(new Error('aborted')) : h.exec(argv, given)
        },
      }
    },
  },
  'host.timeout': {
    'no limit': options(({ timeoutMs: _, ...given }) => given),
    'ends the leader alone': leaderOnly,
    always: options((given) => ({ ...given, timeoutMs: 1 })),
    'as a result': (h) => ({
      exec: (argv, given) =>
        h.exec(argv, given).catch(() => ({ exitCode: null, signal: 'SIGTERM', stdout: '', stderr: '' })),
    }),
  },
  'host.background': { 'leaves it': leaderOnly },
  'host.close': {
    'only refuses': (h) => {
      let closed = false
      return {
        exec: (argv, given) =>
          closed ? Promise.reject(new AppaloftError('runtime-backend-unavailable')) : h.exec(argv, given),
        close: async () => {
          closed = true
        },
      }
    },
    'goes on': () => ({ close: async () => undefined }),
    'once only': (h) => {
      let closed = false
      return {
        close: async () => {
          if (closed) throw new Error('closed')
          closed = true
          await h.close()
        },
      }
    },
    'forwards still': () => ({ forward: async (remote) => ({ address: remote, close: async () => undefined }) }),
  },
  'host.upload.file': {
    'into a folder of that name': (h) => ({ upload: (from, to, given) => h.upload(from, `${to}/file`, given) }),
    'somewhere else': (h) => ({ upload: (from, to, given) => h.upload(from, `${dirname(to)}-other`, given) }),
    'without permissions': afterwards((h, to) => h.exec(['chmod', '644', to])),
    'as text': afterwards((h, to) =>
      h.exec(['sh', '-c', 'tr -d "\\r" < "$1" > "$1.x"; cat "$1.x" > "$1"; rm "$1.x"', 'sh', to]),
    ),
  },
  'host.upload.folder': {
    'into the folder': (h) => ({ upload: (from, to, given) => h.upload(from, `${to}/tree`, given) }),
    'follows links': () => ({
      upload: async (from, to) => {
        await rm(`${from}/deep/dangling`)
        await cp(from, to, { recursive: true, dereference: true })
      },
    }),
    'no hidden files': afterwards((_, to) => rm(`${to}/deep/.hidden`)),
    'no empty folders': afterwards((_, to) => rm(`${to}/deep/empty`, { recursive: true })),
  },
  'host.upload.idempotent': {
    'always anew': (h) => ({
      upload: async (from, to, given) => {
        await h.exec(['sh', '-c', 'cd "$1" && find . ! -type d ! -name besides -exec rm {} +', 'sh', to])
        await h.upload(from, to, given)
      },
    }),
    'writes over it': copied('-P', '-f'),
    'removes what is there besides': afterwards((_, to) => rm(`${to}/deep/besides`, { force: true })),
  },
  'host.upload.changed': {
    'what is there stays': copied('-P', '-n'),
    'writes over it': copied('-P', '-f'),
    'leaves its half files': afterwards((h, to) => h.exec(['touch', `${to}/.tmp`])),
  },
  'host.upload.links': {
    'follows them': (h) => ({
      upload: async (from, to) => {
        const script = 'tar -C "$1" -cf - . | tar -C "$2" -xf - --keep-directory-symlink'
        await h.exec(['sh', '-c', script, 'sh', from, to], { env: { PATH: '/usr/bin:/bin' } })
      },
    }),
  },
  'host.upload.missing': {
    'nothing is copied then': (h) => ({
      upload: (from, to, given) => h.upload(from, to, given).catch(() => undefined),
    }),
    'leaves out what it cannot copy': (h) => ({
      upload: async (from, to, given) => {
        await rm(`${from}/pipe`, { force: true }).catch(() => undefined)
        await h.upload(from, to, given)
      },
    }),
  },
  'host.upload.abort': {
    'goes on': (h) => ({ upload: (from, to) => h.upload(from, to) }),
    'leaves half a file': afterwards((h, to) => h.exec(['touch', to])),
  },
  'host.forward.tcp': {
    'another port': (h) => ({
      forward: async (remote, given) => {
        const made = await h.forward(remote, given)
        return { ...made, address: { kind: 'tcp', host: '127.0.0.1', port: 9 } }
      },
    }),
    'one at a time': (h) => {
      let open = false
      return {
        forward: async (remote, given) => {
          if (open) throw new Error('busy')
          open = true
          return await h.forward(remote, given)
        },
      }
    },
    'closes once': (h) => ({
      forward: async (remote, given) => {
        const made = await h.forward(remote, given)
        let closed = false
        const close = async () => {
          if (closed) throw new Error('closed')
          closed = true
        }
        return { ...made, close }
      },
    }),
  },
  'host.forward.unix': {
    'ports only': (h) => ({
      forward: (remote, given) =>
        remote.kind === 'unix' ? Promise.reject(new Error('ports only')) : h.forward(remote, given),
    }),
  },
  'host.forward.itself': {
    'a name for an address': (h) => ({
      forward: async (remote, given) => {
        const made = await h.forward(remote, given)
        return made.address.kind === 'tcp' ? { ...made, address: { ...made.address, host: 'localhost' } } : made
      },
    }),
  },
  'host.forward.abort': { 'all the same': (h) => ({ forward: (remote) => h.forward(remote) }) },
}

const faults = Object.entries(broken).flatMap(([id, table]) =>
  Object.entries(table).map(([name, change]) => [id, name, change] as const),
)

describe('the conformance of hosts', () => {
  it('has a broken host for each case, and each id once', () => {
    const ids = hostConformance.map((one) => one.id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(Object.keys(broken).sort()).toEqual([...ids].sort())
  })

  it.each(faults)('%s notices: %s', { timeout: 30_000 }, async (id, _name, change) => {
    const one = hostConformance.find((candidate) => candidate.id === id)
    const factory = hostsHere(() => {
      const sound = localHost({ graceSeconds: 0.2 })
      sounds.push(sound)
      return { ...sound, ...change(sound) }
    }, 1_500)
    await expect(one?.run(factory)).rejects.toThrow()
  })
})
