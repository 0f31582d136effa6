// `npm run test:frameworks`: real applications, each installed from the registry, built, started and asked, one at a time.
//   -- next astro-node   only those, and those whose names begin so (next-export)
//   --again              also what has passed before and has not changed since     --list   their names
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { install } from './lib/install.mjs'
import { bin, readJson, root } from './lib/workspace.mjs'

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { again: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
})
const names = readdirSync(join(root, 'packages/cli/test/fixtures/frameworks')).sort()
const meant = (word) => names.filter((name) => name === word || name.startsWith(`${word}-`))
const unknown = positionals.filter((word) => meant(word).length === 0)
if (options.list || unknown.length > 0) {
  if (unknown.length > 0) console.error(`No such application: ${unknown.join(', ')}. There are:`)
  console.log(names.join('\n'))
  process.exit(unknown.length > 0 ? 2 : 0)
}
const chosen =
  positionals.length === 0 ? names : names.filter((name) => positionals.some((word) => meant(word).includes(name)))

if (!(await install())) process.exit(1)
const started = Date.now()
const folder = mkdtempSync(join(tmpdir(), 'appaloft-frameworks-'))
const env = {
  APPALOFT_FRAMEWORKS: chosen.join(','),
  APPALOFT_FRAMEWORKS_AGAIN: options.again ? '1' : '',
  APPALOFT_FRAMEWORKS_FOLDER: folder,
}
const vitest = [bin('vitest'), 'run', '--project', 'frameworks', '--disableConsoleIntercept']
// A group of its own: vitest would die of a terminal's Ctrl-C with everything that it started left behind.
const child = spawn(process.execPath, vitest, {
  cwd: root,
  env: { ...process.env, ...env },
  stdio: ['ignore', 'inherit', 'inherit'],
  detached: true,
})
const stop = () => {
  console.error('\nIt is stopped: what runs is canceled and removed ...')
  writeFileSync(join(folder, 'stop'), '')
}
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
const code = await new Promise((resolve) => child.once('close', resolve))
rmSync(folder, { recursive: true, force: true })

const entryOf = (name) => {
  try {
    return readJson(join(root, '.cache/frameworks', `${name}.json`))
  } catch {
    return null
  }
}
const seconds = (value) => (value === undefined ? '-' : value.toFixed(1)).padStart(8)
const results = chosen.map((name) => ({ name, entry: entryOf(name) }))
console.log(`\n${'application'.padEnd(24)} ${'tier'.padEnd(12)}  install    build    start  versions`)
for (const { name, entry } of results) {
  const { tier = '', versions = {}, seconds: took = {} } = entry?.deployed ?? {}
  const state = entry === null ? 'not run' : entry.passed ? tier : `FAILED at ${entry.failure.step}`
  const told = Object.entries(versions).map((pair) => pair.join(' '))
  const before = entry !== null && Date.parse(entry.at) < started ? ` (as of ${entry.at.slice(0, 16)}Z)` : ''
  const times = [took.install, took.build, took.start].map(seconds).join(' ')
  console.log(`${name.padEnd(24)} ${state.padEnd(12)} ${times}  ${told.join(', ')}${before}`)
}
const failed = results.filter(({ entry }) => entry?.passed === false)
for (const { name, entry } of failed) {
  console.log(`\n${name} failed at ${entry.failure.step}: ${entry.failure.message.split('\n')[0]}`)
  for (const line of entry.failure.lastLogs.slice(-20)) console.log(`    ${line}`)
}
const notRun = results.filter(({ entry }) => entry === null).length
const passed = results.length - failed.length - notRun
console.log(`\n${passed} passed, ${failed.length + notRun} failed${notRun > 0 ? ` (${notRun} not run)` : ''}`)
process.exitCode = code === 0 && passed === results.length ? 0 : 1
