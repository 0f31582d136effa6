import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { InstanceState, LogLine, ReleaseInput, RunningRef, RunningState } from '@appaloft/core/spec'
import { type FakeScript, printedLines } from './script.js'

let nextPid = 100_000

/** A release as the fake runs it: a real HTTP server inside this process, on a free port of 127.0.0.1. */
export class FakeApp {
  readonly ref: RunningRef
  readonly lines: LogLine[] = []
  /** Requests answered, for tests. */
  requests = 0
  state: 'running' | 'exited' = 'exited'
  exitCode: number | undefined
  signal: string | undefined
  /** The port it was given. */
  port = 0
  pid = 0
  #server: Server | null = null
  #listening: number | null = null
  #formerPort = 0
  #timers: NodeJS.Timeout[] = []
  readonly #waiting = new Set<() => void>()

  constructor(
    readonly input: ReleaseInput,
    readonly script: FakeScript,
  ) {
    this.ref = {
      resourceId: input.resourceId,
      deploymentId: input.deploymentId,
      releaseId: input.releaseId,
    }
  }

  async start(): Promise<void> {
    if (this.state === 'running') return
    this.state = 'running'
    this.exitCode = undefined
    this.signal = undefined
    this.pid = nextPid++
    const exposed = this.input.release.plan.network.exposure !== 'none'
    const listens = exposed && this.script.listenAfter !== null
    if (listens) {
      const server = this.#createServer()
      const { network } = this.input.release.plan
      if (network.exposure === 'direct-port') await listening(server, network.hostPort ?? 0)
      // Somebody else may have its former port by now.
      else await listening(server, this.#formerPort).catch(() => listening(server, 0))
      const { port } = server.address() as AddressInfo
      this.#formerPort = port
      if (this.script.listenAfter !== null && this.script.listenAfter > 0) {
        await new Promise((resolve) => server.close(resolve))
        this.port = port
        this.#later(this.script.listenAfter, () => {
          this.#open(this.#createServer(), port)
        })
      } else {
        this.#server = server
        this.#listening = port
        this.port = this.script.wrongPort ? await freePort() : port
      }
    } else {
      this.port = await freePort()
    }
    const environment = { ...this.input.environment, ...(exposed ? { PORT: String(this.port) } : {}) }
    for (const text of printedLines(this.script, environment)) this.print('stdout', text)
    if (this.script.exitAfter !== null) this.#later(this.script.exitAfter, () => this.exit(this.script.exitCode, null))
  }

  /** The process ends by itself. */
  exit(exitCode: number | null, signal: string | null): void {
    if (this.state === 'exited') return
    this.state = 'exited'
    this.exitCode = exitCode ?? undefined
    this.signal = signal ?? undefined
    for (const timer of this.#timers.splice(0)) clearTimeout(timer)
    this.#server?.closeAllConnections()
    this.#server?.close()
    this.#server = null
    this.#listening = null
    this.#wake()
  }

  /** Asked to end, it does so. */
  terminate(): void {
    if (this.state === 'running' && this.script.bye !== null) this.print('stdout', this.script.bye)
    this.exit(0, null)
  }

  print(stream: LogLine['stream'], text: string): void {
    this.lines.push({ stream, text })
    this.#wake()
  }

  /** Resolves at the next line, at the end, or when aborted. */
  async changed(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        this.#waiting.delete(done)
        signal?.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.add(done)
      signal?.addEventListener('abort', done, { once: true })
      if (signal?.aborted === true) done()
    })
  }

  instance(): InstanceState {
    return {
      id: `${this.ref.deploymentId}.0`,
      state: this.state,
      pid: this.pid,
      restarts: 0,
      expectedPort: this.port,
      listening: this.#listening === null ? [] : [this.#listening],
      ...(this.exitCode === undefined ? {} : { exitCode: this.exitCode }),
      ...(this.signal === undefined ? {} : { signal: this.signal }),
    }
  }

  running(): RunningState {
    return { state: this.state, instances: [this.instance()] }
  }

  #createServer(): Server {
    const server = createServer((request, response) => {
      this.requests += 1
      const waiting = setTimeout(() => {
        response.writeHead(this.script.status, { 'content-type': 'text/plain', 'x-fake-release': this.ref.releaseId })
        response.end(request.method === 'HEAD' ? undefined : this.script.text)
      }, this.script.slow)
      response.once('close', () => clearTimeout(waiting))
    })
    server.unref()
    return server
  }

  #open(server: Server, port: number): void {
    server.once('error', () => this.print('stderr', `cannot listen on ${port}`))
    server.listen(port, '127.0.0.1', () => {
      this.#server = server
      this.#listening = port
    })
  }

  #later(ms: number, act: () => void): void {
    const timer = setTimeout(act, ms)
    timer.unref()
    this.#timers.push(timer)
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const listening = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve()
    })
  })
