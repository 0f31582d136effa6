import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment } from '@appaloft/core/spec'
import { describe, expect, it, vi } from 'vitest'
import { writeServer } from '../test/apps.js'
import { program } from '../test/program.js'
import { ctrlC, terminal } from '../test/terminal.js'

const cli = program()
const patience = { timeout: 30_000, interval: 20 }

/** Neither gone nor a zombie. */
const lives = (pid: number): boolean => {
  const file = `/proc/${pid}/stat`
  return existsSync(file) && !/\) [ZX] /.test(readFileSync(file, 'utf8'))
}

/** A server that does not listen as long as there is a file `hold`, and takes its time to end where that says so. */
function holdable() {
  const folder = cli.folder('app')
  const hold = join(cli.folder('.'), 'hold')
  const pidFile = join(cli.folder('.'), 'pid')
  const before = `const { existsSync, readFileSync, writeFileSync } = require('node:fs')
    if (existsSync(${JSON.stringify(hold)})) {
      const seconds = Number(readFileSync(${JSON.stringify(hold)}, 'utf8'))
      if (seconds > 0) process.on('SIGTERM', () => setTimeout(() => process.exit(0), seconds * 1000))
      writeFileSync(${JSON.stringify(pidFile)}, String(process.pid))
      setInterval(() => {}, 1000)
      return
    }`
  return {
    folder,
    write: (text: string) => writeServer(folder, { text, before }),
    hold: (seconds: number) => writeFileSync(hold, String(seconds)),
    /** Waits for a process that holds, and forgets it. */
    held: async () => {
      await vi.waitFor(() => expect(Number(readFileSync(pidFile, 'utf8'))).toBeGreaterThan(0), patience)
      const pid = Number(readFileSync(pidFile, 'utf8'))
      rmSync(pidFile)
      return pid
    },
  }
}

const newest = async (): Promise<Deployment> => {
  const list = await cli.run(['deployments', 'list', '--json', '-n', '1'])
  expect(list.code, list.stderr).toBe(0)
  return (list.documents()[0] as { deployment: Deployment }).deployment
}
const inTerminal = (args: string[]) =>
  terminal([process.execPath, cli.bin(), ...args], { cwd: cli.folder('.'), env: cli.environment() })
const answer = async (url: string | undefined) => (await fetch(url ?? '')).text()

/** In this order: `retry` takes the attempt that was canceled last. */
const verbs: [verb: string, args: (folder: string, canceled: string) => string[]][] = [
  ['up', (folder) => ['up', folder]],
  ['redeploy', () => ['redeploy', 'app']],
  ['retry', (_folder, canceled) => ['deployments', 'retry', canceled]],
  ['rollback', () => ['deployments', 'rollback', 'app']],
  ['env set', () => ['env', 'set', 'app', 'GREETING=you', '--redeploy']],
]

describe('Ctrl-C in a terminal', () => {
  it('cancels every verb that deploys; twice leaves it at once, for the next command to end', async () => {
    const app = holdable()
    for (const version of ['one', 'two']) {
      const deployed = await cli.run(['up', app.write(version), '-q'])
      expect(deployed.code, deployed.stderr).toBe(0)
    }
    const [url] = (await newest()).accessUrls
    let canceled = ''
    for (const [verb, args] of verbs) {
      app.hold(0)
      const once = inTerminal(args(app.folder, canceled))
      const candidate = await app.held()
      once.type(ctrlC)
      expect([verb, await once.finished], once.screen()).toEqual([verb, 130])
      expect(once.screen()).toContain('canceling')
      expect([verb, lives(candidate)]).toEqual([verb, false])
      const attempt = await newest()
      expect([verb, attempt.status, attempt.rollback?.outcome]).toEqual([verb, 'canceled', 'restored'])
      canceled = attempt.id

      app.hold(6)
      const twice = inTerminal(args(app.folder, canceled))
      const left = await app.held()
      twice.type(ctrlC)
      await vi.waitFor(() => expect(twice.screen()).toContain('canceling'), patience)
      twice.type(ctrlC)
      expect([verb, await twice.finished], twice.screen()).toEqual([verb, 130])
      // It was not waited for: that is what the second one is for.
      expect([verb, lives(left)]).toEqual([verb, true])
      // The cursor that the progress hid is back.
      expect(twice.screen().lastIndexOf('\u001b[?25h')).toBeGreaterThan(twice.screen().lastIndexOf('\u001b[?25l'))
      const ended = await newest()
      expect(['canceled', 'interrupted'], `${verb}: ${JSON.stringify(ended)}`).toContain(ended.status)
      expect([verb, ended.id === canceled, lives(left)]).toEqual([verb, false, false])
      expect(await answer(url)).toMatch(/^two/)
    }
  }, 300_000)
})
