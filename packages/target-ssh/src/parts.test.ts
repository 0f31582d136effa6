import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { controlArguments, forwardSpec, masterArguments, sessionArguments } from './arguments.js'
import { Framed } from './frames.js'
import { readOptions } from './options.js'
import { loginCommand } from './remote/bootstrap.js'
import { quoted } from './remote/quote.js'
import { supervisorProgram } from './remote/supervisor.js'
import { Slots } from './slots.js'
import { sshHost } from './sshHost.js'

describe('the options', () => {
  it.each(['web1', 'deploy@web1', 'a.b-c@10.0.0.7', 'me@corp.example@web', 'deploy@fe80::1%eth0', '::1', 'svc$@web'])(
    'take %s',
    (destination) => {
      expect(sshHost({ destination }).key).toBe(destination)
    },
  )

  it.each([
    ...[
      '-oProxyCommand=id',
      'x@-oProxyCommand=id',
      '-x@web',
      '',
      '@web',
      'web;id',
      'web`id`',
      'web$(id)',
      'a b',
      'web\n',
    ],
    ...['ssh://web', "web'", 'web|id', 'us er@web', '$(id)@web', 'web/..', '%h'],
  ])('refuse %j', (destination) => {
    expect(() => sshHost({ destination })).toThrow(expect.objectContaining({ code: 'invalid-input' }))
  })

  it.each([
    { destination: 'web', port: 0 },
    { destination: 'web', knownHosts: { keys: ['* ssh-ed25519 AAAA'] } },
    { destination: 'web', knownHosts: { keys: ['ssh-ed25519 AAAA\n* ssh-ed25519 BBBB'] } },
    { destination: 'web', knownHosts: { keys: [] } },
    { destination: 'web', identityFile: 'a\nb' },
    { destination: 'web', unknown: true },
  ])('refuse %j', (options) => {
    expect(() => sshHost(options)).toThrow(expect.objectContaining({ code: 'invalid-input' }))
  })
})

describe('the arguments', () => {
  it('are understood by ssh as they are meant, and refuse unknown keys whatever the configuration says', () => {
    const settings = readOptions({
      destination: 'deploy@web1',
      port: 7,
      identityFile: '/a b/100%',
      configFile: '/dev/null',
    })
    const shown = execFileSync('ssh', ['-G', ...masterArguments(settings, '/tmp/c0', '/tmp/known hosts', 'x')], {
      encoding: 'utf8',
    }).split('\n')
    for (const line of [
      ...['user deploy', 'hostname web1', 'port 7', 'batchmode yes', 'stricthostkeychecking true', 'forwardagent no'],
      ...['serveraliveinterval 2', 'serveralivecountmax 2', 'controlpath /tmp/c0', 'identitiesonly yes'],
      ...['userknownhostsfile /tmp/known hosts', 'clearallforwardings yes', 'updatehostkeys false'],
    ])
      expect(shown).toContain(line)
    expect(shown).toContain('identityfile /a b/100%%')
  })

  it('of what shares a connection never connect by themselves', () => {
    for (const args of [sessionArguments('/tmp/c0', 'x'), controlArguments('/tmp/c0', 'forward', '/a:/b')]) {
      const shown = execFileSync('ssh', ['-G', ...args.filter((one, at) => one !== '-O' && args[at - 1] !== '-O')], {
        encoding: 'utf8',
      })
      expect(shown).toContain('proxycommand false\n')
    }
  })

  it('of a forward say what is meant, or nothing', () => {
    expect(forwardSpec('/l', { kind: 'unix', path: '/run/a:b%c\\d.sock' })).toBe('/l:/run/a\\:b%%c\\\\d.sock')
    expect(forwardSpec('/l', { kind: 'tcp', host: '::1', port: 80 })).toBe('/l:[::1]:80')
    expect(forwardSpec('/l', { kind: 'tcp', host: 'localhost', port: 80 })).toBe('/l:localhost:80')
    for (const path of ['relative', '/a\nb', `/$${'{HOME}'}/x`])
      expect(forwardSpec('/l', { kind: 'unix', path })).toBeNull()
    for (const host of ['-x', 'a b', 'a:b', '']) expect(forwardSpec('/l', { kind: 'tcp', host, port: 80 })).toBeNull()
    for (const port of [0, 1.5, 65_536]) expect(forwardSpec('/l', { kind: 'tcp', host: 'a', port })).toBeNull()
  })
})

describe('what the far side is sent', () => {
  it('begins with a line that every login shell reads alike', () => {
    expect(loginCommand).not.toMatch(/[\n\\!]/)
    expect(loginCommand.split("'")).toHaveLength(3)
  })

  it('has a variable’s value in no command but the one that sets it', () => {
    const text = supervisorProgram({
      argv: ['run', 'it'],
      env: { S: 'secret', PATH: '/bin' },
      mark: 'm',
      folder: '/f',
      graceMs: 1,
    })
    const lines = text.split('\n').map((line) => line.trim())
    expect(lines.filter((line) => line.includes('secret'))).toEqual(["export S='secret'"])
  })

  it('is quoted so that a shell gives it back', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' }).map((one) => Buffer.from(one.replaceAll('\0', '')).toString())),
        (texts) => {
          const script = `for one in ${['', ...texts].map(quoted).join(' ')}; do printf '%s\\0' "$one"; done`
          expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })).toBe(
            ['', ...texts].map((one) => `${one}\0`).join(''),
          )
        },
      ),
      { numRuns: 30 },
    )
  }, 60_000)
})

describe('a framed stream', () => {
  const mark = 'abab12'
  const read = (chunks: string[]) => {
    const told: string[] = []
    const framed = new Framed(mark, {
      begin: () => told.push('begin'),
      data: (chunk) => told.push(`data ${chunk}`),
      end: (said) => told.push(`end ${said}`),
    })
    for (const chunk of chunks) framed.push(Buffer.from(chunk))
    return told
  }

  it('tells what lies between the marks, however it is cut', () => {
    const text = `noise${mark}\nababab out ab${mark} exit 7\nlater ${mark} exit 9\n`
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 8 }), (cuts) => {
        const at = [0, ...cuts.sort((one, other) => one - other), text.length]
        const told = read(at.slice(1).map((end, index) => text.slice(at[index], end)))
        expect(told[0]).toBe('begin')
        expect(told.at(-1)).toBe('end exit 7')
        expect(
          told
            .slice(1, -1)
            .map((one) => one.slice(5))
            .join(''),
        ).toBe('ababab out ab')
      }),
    )
  })

  it('holds nothing back but what may be the mark', () => {
    expect(read([`${mark}\nline\n`, 'xab'])).toEqual(['begin', 'data line\n', 'data x'])
  })
})

describe('slots', () => {
  it('let so many through, the others in order, and fewer when told', async () => {
    const slots = new Slots(2)
    const [first, second] = [await slots.take(), await slots.take()]
    const order: string[] = []
    const taken = async (name: string) => {
      const free = await slots.take()
      order.push(name)
      return free
    }
    const third = taken('third')
    const aborting = new AbortController()
    const aborted = slots.take(aborting.signal)
    const fourth = taken('fourth')
    aborting.abort(new Error('enough'))
    await expect(aborted).rejects.toThrow('enough')
    expect(order).toEqual([])
    slots.lower()
    expect(slots.most).toBe(1)
    first()
    first()
    await Promise.resolve()
    expect(order).toEqual([])
    second()
    // It is the next one's already, who has not heard of it yet.
    expect(slots.tryTake()).toBeNull()
    ;(await third)()
    ;(await fourth)()
    expect(order).toEqual(['third', 'fourth'])
    expect(slots.used).toBe(0)
    expect(slots.tryTake()).not.toBeNull()
    expect(slots.tryTake()).toBeNull()
  })
})
