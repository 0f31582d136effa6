#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { runCli } from './cli.js'
import { jobArgument, spawnDetached } from './detach.js'
import { exitCodes } from './exit-codes.js'
import { processIo } from './io/process.js'
import { defaultStateDir } from './project/state-dir.js'

const io = processIo()

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
  detach: (job) => spawnDetached(fileURLToPath(import.meta.url), job),
  defaultStateDir: () => defaultStateDir(process.env),
})
io.leave(code)
