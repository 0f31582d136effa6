// Runs a command with the engines of the tests, and ends them after it: `node scripts/engines.mjs npx vitest run --project int`
import { spawn } from 'node:child_process'
import { provideCaddy } from './engines/caddy.mjs'
import { startEngines } from './engines/index.mjs'
import { provideSshd } from './engines/sshd.mjs'

const [, , file, ...args] = process.argv
if (file === undefined) {
  console.error('usage: node scripts/engines.mjs COMMAND [ARGUMENT …]')
  process.exit(2)
}
const engines = await startEngines()
if (engines.env === null) {
  console.error(`There is no engine: ${engines.why}.`)
  process.exit(1)
}
const caddy = await provideCaddy()
const sshd = await provideSshd()
// They end after the command, which has the signal too.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined)
const child = spawn(file, args, {
  stdio: 'inherit',
  env: { ...process.env, ...engines.env, ...caddy.env, ...sshd.env },
})
process.exitCode = await new Promise((resolve) => {
  child.on('error', () => resolve(127))
  child.on('exit', (code) => resolve(code ?? 1))
})
await engines.close()
