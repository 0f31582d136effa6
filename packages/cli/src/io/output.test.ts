import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../../test/support.js'
import { streamInput } from './input.js'
import { FdOutput } from './output.js'

describe('an output', () => {
  it('writes everything, in order', async () => {
    const file = join(temporaryFolder(), 'out')
    const fd = openSync(file, 'w')
    const output = new FdOutput(fd)
    const lines = Array.from({ length: 2000 }, (_, index) => `line ${index}\n`)
    for (const line of lines) output.write(line)
    await output.drained()
    closeSync(fd)
    expect(readFileSync(file, 'utf8')).toBe(lines.join(''))
  })

  it('survives a reader that goes away, and says so once', async () => {
    const fifo = join(temporaryFolder(), 'fifo')
    execFileSync('mkfifo', [fifo])
    const reader = spawn('head', ['-c', '1', fifo], { stdio: 'ignore' })
    const fd = openSync(fifo, 'w')
    const output = new FdOutput(fd)
    let told = 0
    output.onDead(() => {
      told += 1
    })
    output.write('x')
    await new Promise((resolve) => reader.once('exit', resolve))
    output.write('nobody reads this')
    await output.drained()
    output.write('nor this')
    expect([output.dead, told]).toEqual([true, 1])
    output.onDead(() => {
      told += 1
    })
    expect(told).toBe(2)
    closeSync(fd)
  })

  it('does not hold up the event loop while the reader sleeps', async () => {
    const fifo = join(temporaryFolder(), 'fifo')
    execFileSync('mkfifo', [fifo])
    const reader = spawn('sh', ['-c', `exec 3<"$0"; read _; cat <&3`, fifo], { stdio: ['pipe', 'pipe', 'ignore'] })
    const chunks: Buffer[] = []
    reader.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    const fd = openSync(fifo, 'w')
    const output = new FdOutput(fd)
    const text = 'y'.repeat(1_000_000)
    output.write(text)
    // The pipe holds 64 KiB: if the write were synchronous, this timer would never fire.
    await new Promise((resolve) => setTimeout(resolve, 20))
    reader.stdin.write('\n')
    await output.drained()
    closeSync(fd)
    await new Promise((resolve) => reader.once('close', resolve))
    expect(Buffer.concat(chunks).toString()).toBe(text)
  })
})

describe('an input', () => {
  it('is read to its end, without the last line break', async () => {
    const input = streamInput(Readable.from(['se', 'cret\n']), () => {})
    expect(await input.readAll()).toBe('secret')
  })
})
