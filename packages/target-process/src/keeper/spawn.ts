import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import process from 'node:process'
import { isRecord, makeFolder, readRecord } from '../shared/files.js'
import type { Layout } from '../shared/paths.js'
import type { Role } from '../shared/protocol.js'

/** The program that runs every role, and the Node that runs it. Written by the engine, so that a removed package changes nothing. */
export interface Program {
  node: string
  file: string
}

export function readProgram(layout: Layout): Program | null {
  const record = readRecord(layout.program)
  if (!isRecord(record) || typeof record.node !== 'string' || typeof record.file !== 'string') return null
  return { node: record.node, file: record.file }
}

/** What a release may see of the engine's environment, and all that the keeper itself gets. */
export function plainEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR']
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  )
}

/** Starts a role as a process of its own, in a session of its own, that no terminal and no parent takes along. */
export function spawnRole(layout: Layout, role: Role, program: Program): ChildProcess {
  makeFolder(layout.keeper)
  const log = openSync(layout.log(role), 'a', 0o600)
  try {
    const child = spawn(program.node, [program.file, role, layout.stateDir], {
      cwd: layout.root,
      env: plainEnvironment(),
      detached: true,
      stdio: ['ignore', log, log],
    })
    // Whether it could be started is seen by whether it answers.
    child.on('error', () => undefined)
    child.unref()
    return child
  } finally {
    closeSync(log)
  }
}
