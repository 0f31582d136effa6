import assert from 'node:assert/strict'
import type { HostExecOptions } from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'
import { type HostFactory, hostCase, rejectedWith } from './machine.js'

type OnLine = NonNullable<HostExecOptions['onLine']>

const collected = () => {
  const stdout: string[] = []
  const stderr: string[] = []
  const onLine: OnLine = ({ stream, text }) => void (stream === 'stdout' ? stdout : stderr).push(text)
  return { stdout, stderr, onLine }
}

export const lineCases: readonly ConformanceCase<HostFactory>[] = [
  hostCase(
    'host.lines.complete',
    'every line is told once, in order within its stream, before the result',
    async (machine) => {
      const lines = collected()
      const script =
        'i=0; while [ $i -lt 2000 ]; do echo "out $i"; echo "err $i" >&2; i=$((i+1)); done; echo; printf last; printf last >&2'
      const { stdout } = await machine.sh(script, [], { onLine: lines.onLine })
      const expected = (name: string) => Array.from({ length: 2000 }, (_, at) => `${name} ${at}`)
      assert.deepEqual(lines.stdout, [...expected('out'), '', 'last'])
      assert.deepEqual(lines.stderr, [...expected('err'), 'last'])
      assert.equal(stdout, lines.stdout.join('\n'))
    },
  ),
  hostCase('host.lines.characters', 'a character that comes in two parts stays whole', async (machine) => {
    const lines = collected()
    const script = `printf 'a\\303'; sleep 0.1; printf '\\244b\\r'; sleep 0.1; printf '\\n\\360\\237'; sleep 0.1; printf '\\220\\216'`
    const { stdout } = await machine.sh(script, [], { onLine: lines.onLine })
    assert.deepEqual(lines.stdout, ['aäb', '🐎'])
    assert.equal(stdout, 'aäb\r\n🐎')
  }),
  hostCase('host.lines.long', 'a long line stays whole, also where less is kept of the output', async (machine) => {
    const lines = collected()
    const script = 'head -c 300000 /dev/zero | tr "\\0" x; echo; echo short'
    await machine.sh(script, [], { onLine: lines.onLine, maxBufferBytes: 10 })
    assert.deepEqual(
      lines.stdout.map((line) => line.length),
      [300_000, 5],
    )
  }),
  hostCase('host.lines.at-once', 'a line is told while the command still runs', async (machine) => {
    const aborting = new AbortController()
    const reason = new Error('seen')
    const onLine: OnLine = ({ text }) => {
      if (text === 'first') aborting.abort(reason)
    }
    await rejectedWith(machine.sh('echo first; sleep 300', [], { onLine, signal: aborting.signal }), reason)
  }),
  hostCase('host.lines.throw', 'a listener that throws ends the command with its error', async (machine) => {
    const reason = new Error('enough')
    const onLine: OnLine = () => {
      throw reason
    }
    await rejectedWith(machine.sh('echo first; sleep 300', [], { onLine }), reason)
  }),
]
