import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  AppaloftError,
  type ErrorCode,
  type ForwardTarget,
  type Host,
  type HostExecOptions,
  type HostExecResult,
} from '@appaloft/core/spec'
import type { ConformanceCase } from '../suite.js'

/** Something on the host that tells the same text to everyone who connects, and hangs up. */
export interface Served {
  address: ForwardTarget
  text: string
  close(): Promise<void>
}

export interface HostSubject {
  host: Host
  /** The absolute path of an empty folder on the host, for this case alone. */
  folder: string
  serve(kind: ForwardTarget['kind']): Promise<Served>
  /** Closes the host too, and removes the folder. */
  close(): Promise<void>
}

export interface HostFactory {
  create(): Promise<HostSubject>
  /** How long a case waits for what it expects, in milliseconds. Default 10,000. */
  patienceMs?: number
}

/** What one case works with. */
export class Machine {
  /** Folders of this machine, from which is uploaded. */
  readonly folders: string[] = []

  constructor(
    readonly subject: HostSubject,
    readonly patienceMs: number,
  ) {}

  get host(): Host {
    return this.subject.host
  }

  at(name: string): string {
    return `${this.subject.folder}/${name}`
  }

  /** Runs a text in a shell. Its arguments are `$1`, `$2`, … */
  sh(script: string, args: readonly string[] = [], options: HostExecOptions = {}): Promise<HostExecResult> {
    return this.within(this.host.exec(['sh', '-c', script, 'sh', ...args], { ...options, env: withPath(options.env) }))
  }

  /** What a shell text prints, where it succeeds. */
  async ask(script: string, ...args: string[]): Promise<string> {
    const result = await this.sh(script, args)
    assert.equal(result.exitCode, 0, `${script}: ${result.stderr}`)
    return result.stdout
  }

  /** A process that has not ended; a zombie has. */
  async lives(pid: number): Promise<boolean> {
    const { stdout } = await this.sh('cat "/proc/$1/stat" || true', [String(pid)])
    return stdout !== '' && !/^[ZXx]/.test(stdout.slice(stdout.lastIndexOf(')') + 2))
  }

  async local(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'appaloft-upload-'))
    this.folders.push(folder)
    return folder
  }

  /** Fails instead of waiting for ever. */
  async within<T>(work: Promise<T>): Promise<T> {
    const late = new AbortController()
    const limit = sleep(this.patienceMs, undefined, { signal: late.signal }).then(
      () => assert.fail(`waited ${this.patienceMs} ms`),
      () => work,
    )
    return await Promise.race([work, limit]).finally(() => late.abort())
  }
}

const withPath = (env: HostExecOptions['env']) => ({ PATH: '/usr/local/bin:/usr/bin:/bin', ...env })

/** A case on a machine of its own, which leaves nothing behind. */
export const hostCase = (
  id: string,
  title: string,
  act: (machine: Machine) => Promise<void>,
  requires: readonly string[] = [],
): ConformanceCase<HostFactory> => ({
  id,
  title,
  requires,
  run: async (factory) => {
    const subject = await factory.create()
    const machine = new Machine(subject, factory.patienceMs ?? 10_000)
    try {
      await act(machine)
    } finally {
      await subject.close()
      for (const folder of machine.folders) await rm(folder, { recursive: true, force: true })
    }
  },
})

/** The SDK's error with this code, or the case fails. */
export async function refused(work: Promise<unknown>, code: ErrorCode): Promise<AppaloftError> {
  const error = await work.then(
    () => assert.fail(`expected ${code}, and it was accepted`),
    (reason: unknown) => reason,
  )
  assert.ok(AppaloftError.isInstance(error), `expected ${code}, got ${String(error)}`)
  assert.equal(error.code, code, error.message)
  return error
}

export async function rejectedWith(work: Promise<unknown>, reason: unknown): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.equal(error, reason)
    return true
  })
}
