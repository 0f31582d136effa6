import assert from 'node:assert/strict'
import type { ConformanceCase } from '../suite.js'
import { type HostFactory, hostCase, refused } from './machine.js'

const odd = [
  'two words',
  '',
  '  ',
  `it's "quoted"`,
  'two\nlines\n',
  '$(touch pwned) `touch pwned` $HOME $1',
  '; touch pwned & | > pwned',
  '\\ \\n \\\\',
  '* ? [a-z] ~ {a,b} !',
  '-n',
  '--',
  'a\ttab',
  'grüße 🐎',
  '#no comment',
]

export const executingCases: readonly ConformanceCase<HostFactory>[] = [
  hostCase('host.identity', 'carries the version of the contract and a name', async ({ host }) => {
    assert.equal(host.specVersion, 1)
    assert.match(host.key, /\S/)
  }),
  hostCase('host.exec.argv', 'arguments arrive as they are, and no shell reads them', async (machine) => {
    const script = 'echo $#; for one in "$@"; do printf "<%s>" "$one"; done'
    const { stdout } = await machine.sh(script, odd, { cwd: machine.at('.') })
    assert.equal(stdout, `${odd.length}\n${odd.map((one) => `<${one}>`).join('')}`)
    const direct = await machine.host.exec(['printf', '%s|', ...odd], { cwd: machine.at('.') })
    assert.equal(direct.stdout, odd.map((one) => `${one}|`).join(''))
    assert.equal(await machine.ask('ls -a "$1" | wc -l | tr -d " "', machine.at('.')), '2\n')
  }),
  hostCase('host.exec.exit-code', 'a command that failed is a result with its exit code', async (machine) => {
    for (const code of [0, 1, 3, 127, 255]) {
      const result = await machine.sh('exit "$1"', [String(code)])
      assert.deepEqual(result, { exitCode: code, signal: null, stdout: '', stderr: '' })
    }
  }),
  hostCase(
    'host.exec.signal',
    'a command that a signal ended tells which one',
    async (machine) => {
      for (const signal of ['KILL', 'TERM']) {
        const { exitCode, signal: by } = await machine.sh('kill -"$1" $$; sleep 30', [signal])
        assert.deepEqual([exitCode, by], [null, `SIG${signal}`])
      }
    },
    ['signals'],
  ),
  hostCase('host.exec.streams', 'output comes apart and to the letter', async (machine) => {
    const result = await machine.sh('printf " out\\n\\n"; printf "err\\r\\nü" >&2')
    assert.deepEqual([result.stdout, result.stderr], [' out\n\n', 'err\r\nü'])
  }),
  hostCase(
    'host.exec.environment',
    'the environment is the given one, whole, and nothing besides',
    async ({ host }) => {
      process.env.APPALOFT_TEST_CANARY = 'leaked'
      const given = { ONE: `two words $ONE 'x' "y"`, TWO: 'a\nb', EMPTY: '', lower: 'grüße' }
      const { stdout } = await host.exec(['env', '-0'], { env: given })
      const pairs = stdout.split('\0').slice(0, -1)
      assert.deepEqual(
        pairs.sort(),
        Object.entries(given)
          .map(([name, value]) => `${name}=${value}`)
          .sort(),
      )
      assert.equal((await host.exec(['env', '-0'])).stdout, '')
    },
  ),
  hostCase('host.exec.program', 'a name is found in the PATH that was given', async (machine) => {
    const bin = machine.at('bin')
    await machine.ask('mkdir "$1" && printf "#!/bin/sh\\necho found" > "$1/tool" && chmod 755 "$1/tool"', bin)
    const found = await machine.host.exec(['tool'], { env: { PATH: bin } })
    assert.equal(found.stdout, 'found\n')
    assert.equal((await machine.host.exec([`${bin}/tool`])).stdout, 'found\n')
    await refused(machine.host.exec(['sh', '-c', 'exit'], { env: { PATH: bin } }), 'command-not-found')
  }),
  hostCase('host.exec.not-found', 'a command that does not exist is refused', async (machine) => {
    const error = await refused(machine.host.exec(['appaloft-no-such-command', 'secret']), 'command-not-found')
    assert.ok(error.message.includes('appaloft-no-such-command'), error.message)
    assert.ok(!JSON.stringify(error).includes('secret'), 'the error shows arguments')
    await refused(machine.host.exec([machine.at('none')]), 'command-not-found')
  }),
  hostCase('host.exec.cwd', 'a command runs in the folder that was named', async (machine) => {
    const folder = machine.at(`a b'c $(x)`)
    await machine.ask('mkdir "$1"', folder)
    // Asked first, so that a host that stays where it is writes nothing there.
    const { stdout } = await machine.sh('pwd -P', [], { cwd: folder })
    assert.ok(stdout.endsWith(`/a b'c $(x)\n`), stdout)
    await machine.sh('echo here > file', [], { cwd: folder })
    assert.equal(await machine.ask('cat "$1/file"', folder), 'here\n')
    await refused(machine.sh('exit 0', [], { cwd: machine.at('none') }), 'command-not-found')
  }),
  hostCase('host.exec.input', 'standard input is what was given, and then ends', async (machine) => {
    const text = `${'grüße $(x)\n'.repeat(40_000)}end`
    const options = { maxBufferBytes: 4 * 1024 * 1024 }
    assert.equal((await machine.sh('cat', [], { input: text, ...options })).stdout, text)
    const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at % 251)
    const { stdout } = await machine.sh('od -An -v -tu1', [], { input: bytes, ...options })
    assert.deepEqual(stdout.trim().split(/\s+/).map(Number), [...bytes])
    assert.equal((await machine.sh('cat; echo done')).stdout, 'done\n')
    assert.equal((await machine.sh('cat; echo done', [], { input: '' })).stdout, 'done\n')
  }),
  hostCase('host.exec.input-unread', 'a command need not read its input', async (machine) => {
    const { exitCode, stdout } = await machine.sh('exec <&-; echo done', [], { input: 'x'.repeat(8 * 1024 * 1024) })
    assert.deepEqual([exitCode, stdout], [0, 'done\n'])
  }),
  hostCase('host.exec.buffer', 'of a long output the end is kept', async (machine) => {
    const script = 'i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; echo end; echo err >&2'
    const { stdout, stderr } = await machine.sh(script, [], { maxBufferBytes: 100 })
    assert.equal(Buffer.byteLength(stdout), 100)
    assert.ok(stdout.endsWith('line 2998\nline 2999\nend\n'), stdout)
    assert.equal(stderr, 'err\n')
    const cut = await machine.sh('printf "aüüü"', [], { maxBufferBytes: 5 })
    assert.equal(cut.stdout, 'üü')
    const most = 1024 * 1024
    const large = await machine.sh('head -c 3000000 /dev/zero | tr "\\0" x; printf end')
    assert.ok(large.stdout.length === most && large.stdout.endsWith('xend'), `kept ${large.stdout.length}`)
  }),
  hostCase('host.exec.parallel', 'commands that run at the same time do not meet', async (machine) => {
    const all = await Promise.all(
      Array.from({ length: 12 }, (_, at) =>
        machine.sh('cat; echo "$1"; exit "$1"', [String(at)], { input: `in ${at} ` }),
      ),
    )
    for (const [at, { stdout, exitCode }] of all.entries())
      assert.deepEqual([stdout, exitCode], [`in ${at} ${at}\n`, at])
  }),
]
