import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'
import { firstAnswer, since } from '../measure.mjs'
import { answersAs, freePort } from './api.mjs'

const execute = promisify(execFile)

/** The same application as a project of Docker Compose, which stops the former container and starts the next. */
export function composeProject({ folder, service }) {
  mkdirSync(folder)
  const port = freePort()
  const project = `appaloft-bench-${process.pid}-${basename(folder)}`
  const file = join(folder, 'compose.json')
  const run = (...args) =>
    execute(process.env.APPALOFT_TEST_DOCKER ?? 'docker', [
      'compose',
      '--project-name',
      project,
      '--file',
      file,
      ...args,
    ])
  return {
    /** Until the new container answers. */
    async up(text) {
      const app = {
        ...service,
        environment: { PORT: '3000', RUN: text },
        ports: [`127.0.0.1:${port}:3000`],
        init: true,
      }
      writeFileSync(file, JSON.stringify({ services: { app } }))
      const started = performance.now()
      await run('up', '--detach', '--wait', ...(service.build ? ['--build'] : []))
      await firstAnswer(`http://127.0.0.1:${port}/`, answersAs(text))
      return since(started)
    },
    close: async () => void (await run('down', '--volumes', '--rmi', 'local', '--timeout', '1').catch(() => undefined)),
  }
}
