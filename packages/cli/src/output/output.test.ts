import { AppaloftError, type Failure, reason } from '@appaloft/core/spec'
import { describe, expect, it, vi } from 'vitest'
import { aDeployment, aHandle, deferred, events, MemoryOutput, temporaryFolder, world } from '../../test/support.js'
import { eventLine } from './event-line.js'
import { Frame } from './frame.js'
import { hintText } from './hint.js'
import { outcomeLines } from './outcome.js'
import { advance, startProgress } from './progress.js'
import { styleFor } from './style.js'
import { clean, commandLine, cut, duration, table, width } from './text.js'

const escape = '\u001b'

describe('text', () => {
  it('is cleaned of everything that could move the cursor or lie', () => {
    expect(clean(`a${escape}[2Jb${escape}]0;t\u0007c\rd\u0008e\u202ef\tg`)).toBe('abcdef    g')
  })

  it('is cut by the columns it takes', () => {
    expect(width('日本')).toBe(4)
    expect(width(`${escape}[31mred${escape}[39m`)).toBe(3)
    expect(cut('日本語', 5)).toBe('日本…')
    expect(cut('short', 5)).toBe('short')
    expect(cut('longer', 5)).toBe('long…')
  })

  it('says durations and commands as people do', () => {
    expect([duration(12), duration(3400), duration(125_000)]).toEqual(['12 ms', '3.4 s', '2 min 5 s'])
    expect(commandLine(['node', 'a b.js', "it's"])).toBe("node 'a b.js' 'it'\\''s'")
    expect(
      table([
        ['a', 'b'],
        ['long', 'c'],
      ]),
    ).toEqual(['a     b', 'long  c'])
  })
})

describe('hints', () => {
  const usual = (code: 'host-key-unknown' | 'host-key-changed') => new AppaloftError(code).recoveryHint
  it.each([
    [usual('host-key-unknown'), '--accept-new-host-key, or pin the key with ssh: { knownHosts: { keys: ['],
    [usual('host-key-changed'), 'ssh-keygen -R, or pin the new one with ssh: { knownHosts: { keys: ['],
    ['Check that port of sshHost is right.', 'Check that ssh: { port } in appaloft.config.ts is right.'],
    ['Install it, or name its program with ssh of sshHost.', 'Install it, or put it on the PATH.'],
    ['Name the socket of a rootless one by the option socket.', 'one with ssh: { socket } in appaloft.config.ts.'],
    ['Name it by the option host, or so.', 'Name it with docker: { host } in appaloft.config.ts, or so.'],
    ['Listen by its options http and https.', 'Listen with caddy: { http, https } in appaloft.config.ts.'],
    ['Name it, by the option root of caddyContainer.', 'Name it, with caddy: { root } in appaloft.config.ts.'],
    ['Set the option https of the proxy to another port.', 'Set caddy: { https } in appaloft.config.ts to another'],
    ['Correct the option admin of the proxy.', 'Correct caddy: { admin } in appaloft.config.ts.'],
    ['Name it by the option cli.', 'Name it with cli of docker, or of ssh, in appaloft.config.ts.'],
    ['Let the option siteImage of the Docker target name one.', 'Let siteImage of docker, or of ssh, in appaloft'],
    ["Set the option build of the target to 'remote'.", "Set build of docker, or of ssh, in appaloft.config.ts to 'r"],
    ['Change the option build.registry.', 'Change build.registry of docker, or of ssh, in appaloft.config.ts.'],
    ['Look again.', 'Look again.'],
  ])('speak of flags and fields: %s', (said, here) => {
    expect(hintText(said)).toContain(here)
    expect(hintText(said)).not.toContain('sshHost')
  })
})

describe('colours', () => {
  it.each([
    [true, {}, undefined, true],
    [false, {}, undefined, false],
    [true, { NO_COLOR: '1' }, undefined, false],
    [true, { NO_COLOR: '' }, undefined, true],
    [false, { FORCE_COLOR: '1' }, undefined, true],
    [true, { FORCE_COLOR: '0' }, undefined, false],
    [false, { FORCE_COLOR: '1', NO_COLOR: '1' }, undefined, true],
    [true, { FORCE_COLOR: '1' }, false, false],
    [true, { TERM: 'dumb' }, undefined, false],
  ])('terminal %s, %o, flag %s: %s', (isTTY, env, flag, expected) => {
    expect(styleFor({ isTTY }, env, flag).color).toBe(expected)
  })
})

const tokens = new RegExp(`${escape}\\[(?:\\?25[lh]|\\d*[A-Za-z])|\n|\r|[^${escape}\n\r]+`, 'g')

/** What a terminal of 100 columns shows after the output: enough of one to follow a frame. */
function screen(text: string): string[] {
  const rows: string[] = ['']
  let at = 0
  for (const [token] of text.matchAll(tokens)) {
    const up = /\[(\d+)A$/.exec(token)
    if (up && token.startsWith(escape)) at -= Number(up[1])
    else if (token === '\n') at += 1
    else if (token === `${escape}[2K`) rows[at] = ''
    else if (token === `${escape}[J`) rows.length = at
    else if (!token.startsWith(escape) && token !== '\r') rows[at] = (rows[at] ?? '') + token
    rows[at] ??= ''
  }
  return rows.filter((row) => row !== '')
}

describe('a frame', () => {
  it('is drawn in place, with what stays above it', () => {
    const output = new MemoryOutput(true)
    const frame = new Frame(output)
    frame.draw(['one', 'two'])
    frame.draw(['one', 'three', 'four'])
    frame.above(['stays'])
    frame.draw(['last'])
    expect(screen(output.text)).toEqual(['stays', 'last'])
  })

  it('writes nothing when nothing changed', () => {
    const output = new MemoryOutput(true)
    const frame = new Frame(output)
    frame.draw(['one'])
    const before = output.text
    frame.draw(['one'])
    expect(output.text).toBe(before)
  })
})

describe('live progress', () => {
  it('shows phases, step, last lines, warnings and the end, and gives the cursor back', async () => {
    const ended = deferred<ReturnType<typeof aDeployment>>()
    const found = events(
      { type: 'phase-started', phase: 'detect' },
      { type: 'phase-succeeded', phase: 'detect' },
      { type: 'warning', phase: 'plan', message: 'no lockfile' },
      { type: 'phase-started', phase: 'execute' },
      { type: 'step-started', phase: 'execute', step: 'build' },
      ...Array.from({ length: 9 }, (_, index) => ({
        type: 'log' as const,
        phase: 'execute' as const,
        message: `line ${index}`,
      })),
    )
    const create = async () => ({ ...aHandle(aDeployment(), found), done: ended.promise })
    const env = { NO_COLOR: '1', TERM: 'xterm' }
    const w = world({ cwd: temporaryFolder(), tty: true, env, engine: { deployments: { create } } })
    const running = w.run('up')
    await vi.waitFor(() => expect(screen(w.stdout.text).join('\n')).toContain('line 8'))
    const rows = screen(w.stdout.text)
    expect(rows).toContainEqual(expect.stringMatching(/^✔ detect {4}1.0 s/))
    expect(rows).toContainEqual(expect.stringMatching(/^. execute .*building/))
    expect(rows).toContainEqual('○ verify')
    expect(rows).toContainEqual('⚠ no lockfile')
    expect(rows.filter((row) => row.includes('│'))).toHaveLength(4)
    ended.resolve(aDeployment())
    expect(await running).toBe(0)
    expect(screen(w.stdout.text)).toContainEqual('  http://127.0.0.1:4000')
    expect(screen(w.stdout.text).join('\n')).not.toContain('line 8')
    expect(w.stdout.text.lastIndexOf(`${escape}[?25h`)).toBeGreaterThan(w.stdout.text.lastIndexOf(`${escape}[?25l`))
  })

  it('never writes a line that is wider or a frame that is higher than the terminal', async () => {
    const long = 'x'.repeat(500)
    const found = events({ type: 'phase-started', phase: 'execute' }, { type: 'log', phase: 'execute', message: long })
    const ended = deferred<ReturnType<typeof aDeployment>>()
    const create = async () => ({ ...aHandle(aDeployment(), found), done: ended.promise })
    const w = world({ cwd: temporaryFolder(), tty: true, env: { NO_COLOR: '1' }, engine: { deployments: { create } } })
    w.stdout.columns = 40
    w.stdout.rows = 4
    const running = w.run('up')
    await vi.waitFor(() => expect(w.stdout.text).toContain('xxx'))
    expect(screen(w.stdout.text).every((row) => width(row) < 40)).toBe(true)
    expect(screen(w.stdout.text).length).toBeLessThanOrEqual(5)
    ended.resolve(aDeployment())
    await running
  })
})

describe('an instruction of a build', () => {
  const part = { id: 'sha256:a', name: 'RUN npm ci', stage: 'install', index: 2, total: 3 }
  const told = (status: string, message: string, rest: object = {}) => ({
    ...{ type: 'log' as const, phase: 'execute' as const, step: 'build' as const, message },
    data: { stream: 'stdout', source: 'build', progress: { ...part, status, ...rest } },
  })
  const found = events(
    { type: 'phase-started', phase: 'execute' },
    { type: 'step-started', phase: 'execute', step: 'build' },
    told('started', '[install 2/3] RUN npm ci'),
    told('running', '[install 2/3] RUN npm ci: 40 %', { percent: 40 }),
  )

  it('is what a terminal says that it does, with how far it is', () => {
    const progress = startProgress()
    for (const event of found) advance(progress, event)
    expect(progress.phases.find(({ phase }) => phase === 'execute')?.detail).toBe('install 2/3: RUN npm ci, 40 %')
    expect(progress.logs).toEqual([])
  })

  it('is a line elsewhere, where it begins and ends', () => {
    const lines = found.slice(2).map((event) => eventLine(event, styleFor({ isTTY: false }, {})))
    expect(lines).toEqual(['          │ [install 2/3] RUN npm ci', null])
  })
})

describe('plain progress', () => {
  it('is one line an event, without escape codes', async () => {
    const found = events(
      { type: 'phase-started', phase: 'execute' },
      { type: 'step-started', phase: 'execute', step: 'build' },
      { type: 'log', phase: 'execute', message: `${escape}[32mok` },
      { type: 'check-observed', phase: 'verify', step: 'health', message: 'GET / gave 200' },
      { type: 'traffic-promoted', phase: 'verify' },
    )
    const w = world({
      cwd: temporaryFolder(),
      engine: { deployments: { create: async () => aHandle(aDeployment(), found) } },
    })
    await w.run('up')
    expect(w.stdout.text).not.toContain(escape)
    expect(w.stdout.lines.slice(1, 6)).toEqual([
      'execute   started',
      'execute   build: building',
      '          │ ok',
      'verify    check health: , GET / gave 200',
      'verify    traffic promoted',
    ])
  })
})

describe('words', () => {
  const failed = (code: Failure['code'], recoveryHint: string, rest: Partial<Failure>): Failure => ({
    ...{ code, category: 'plan', phase: 'plan', message: 'It does not work.', recoveryHint },
    ...{ inputs: [], lastLogs: [], at: '2026-01-01T00:00:02.000Z', ...rest },
  })
  const plain = styleFor({ isTTY: false }, {})

  it('do not say the same twice in a line', () => {
    const data = { check: 'process', status: 'passed' }
    const [found] = events({ type: 'check-observed', phase: 'verify', message: 'process: passed' })
    expect(eventLine({ ...found!, data }, plain)).toBe('verify    check process: passed')
    expect(eventLine({ ...found!, data, message: 'after 3 s' }, plain)).toBe(
      'verify    check process: passed, after 3 s',
    )
  })

  it('give the end to the attempt, not to a phase', () => {
    const [found] = events({ type: 'deployment-finished', phase: 'verify', message: 'failed' })
    expect(eventLine({ ...found!, data: { status: 'failed' } }, plain)).toBe('          failed')
  })

  it('tell what helps once', () => {
    const recoveryHint = 'Remove the link. Then deploy again.'
    const failure = failed('source-unreadable', recoveryHint, {
      reason: reason('source-unreadable', { fixPath: [{ action: 'Remove the link.' }] }),
    })
    const nextActions = [{ verb: 'redeploy', command: 'appaloft redeploy res_web', reason: recoveryHint }] as const
    const lines = outcomeLines(
      aDeployment({ status: 'failed', checks: {}, failure, nextActions: [...nextActions] }),
      plain,
    )
    expect(lines.join('\n').split('Remove the link.')).toHaveLength(2)
    expect(lines.at(-1)).toBe('    appaloft redeploy res_web')
  })

  it('offer a profile field only where the fix does not name it', () => {
    const lines = (profileField: string) => {
      const fixPath = [{ action: 'Set runtime.startCommand.' }]
      const overridePath = [{ action: `Set ${profileField}.`, profileField }]
      const failure = failed('missing-start-intent', 'Fix it.', {
        reason: reason('missing-start-intent', { fixPath, overridePath }),
      })
      return outcomeLines(aDeployment({ status: 'failed', failure }), plain).filter((one) => one.includes('or:'))
    }
    expect(lines('runtime.startCommand')).toEqual([])
    expect(lines('runtime.planner')).toEqual(['    or:  Set runtime.planner.'])
  })
})
