import { spawn } from 'node:child_process'
import { renameSync, symlinkSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import { firstAnswer, since } from './measure.mjs'

const freePort = () =>
  new Promise((resolve) => {
    const server = http.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

const switchLink = (folder) => {
  symlinkSync(folder, `${folder}.next`)
  renameSync(`${folder}.next`, `${folder}.current`)
}

/** What releases see of this process' environment: a variable more, such as extra certificates, may make every start of Node slower. */
const environment = Object.fromEntries(
  ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'].flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])),
)

/** Starts the program, sees it answer, switches to it in one rename: no release of a new process can be faster. */
export async function processFloor(folder, file) {
  const port = await freePort()
  const started = performance.now()
  const child = spawn(process.execPath, [file], { cwd: folder, env: { ...environment, PORT: String(port) } })
  await firstAnswer(`http://127.0.0.1:${port}/`)
  switchLink(folder)
  const took = since(started)
  await new Promise((resolve) => child.once('exit', resolve).kill('SIGKILL'))
  return took
}

/** The stricter one, for files: a server that runs already serves them after one rename. */
export async function fileFloor(folder) {
  const server = http.createServer((_, answer) => answer.end('hello'))
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const started = performance.now()
  switchLink(folder)
  await firstAnswer(`http://127.0.0.1:${server.address().port}/`)
  const took = since(started)
  server.close()
  return took
}

/** A server of one file, as small as they get, after the lines that come before it. */
export const writeServer = (folder, name, answer, ...before) =>
  writeFileSync(
    join(folder, name),
    `${before.map((line) => `${line}\n`).join('')}import { createServer } from 'node:http'
createServer((_, answer) => answer.end(${answer})).listen(process.env.PORT ?? 3000, '127.0.0.1')
`,
  )
