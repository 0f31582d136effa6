#!/usr/bin/env node
import { existsSync } from 'node:fs'
import { userInfo } from 'node:os'
import { fileURLToPath } from 'node:url'
import { runCli } from './cli.js'
import { jobArgument, spawnDetached } from './detach.js'
import { exitCodes } from './exit-codes.js'
import { processIo } from './io/process.js'
import { defaultStateDir } from './project/state-dir.js'
import { runProgram } from './service/machine.js'

const io = processIo()
const self = fileURLToPath(import.meta.url)

if (process.argv[2] === jobArgument) {
  const { composeJob, receiveJob, runJob, sendAnswer } = await import('./job.js')
  const abort = new AbortController()
  io.signals.hold(() => abort.abort())
  await runJob(await receiveJob(), { answer: sendAnswer, compose: composeJob, signal: abort.signal })
  io.leave(exitCodes.success)
}

const code = await runCli(process.argv.slice(2), {
  io,
  compose: async (settings) => (await import('./composition.js')).compose(settings),
  detach: (job) => spawnDetached(self, job),
  defaultStateDir: () => defaultStateDir(process.env),
  machine: {
    program: [process.execPath, self],
    uid: process.getuid?.(),
    get username() {
      return userInfo().username
    },
    systemUnits: '/etc/systemd/system',
    booted: existsSync('/run/systemd/system'),
    run: runProgram,
  },
})
io.leave(code)
