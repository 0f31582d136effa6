import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { run } from './run.mjs'
import { vitest } from './vitest.mjs'
import { bin, root } from './workspace.mjs'

/** What a file was found to be, for the state of the project in which it was run. */
const kept = join(root, '.cache', 'soak.json')

const read = () => {
  try {
    return JSON.parse(readFileSync(kept, 'utf8'))
  } catch {
    return null
  }
}

const write = (results) => {
  mkdirSync(dirname(kept), { recursive: true })
  writeFileSync(`${kept}.new`, JSON.stringify(results, null, 2))
  renameSync(`${kept}.new`, kept)
}

const git = async (...args) => {
  const { code, stdout } = await run('git', args, { cwd: root, capture: true })
  return code === 0 ? stdout : null
}

/** The commit with what is changed beside it; null where git cannot tell, and nothing is taken over then. */
async function stateOf() {
  const commit = await git('rev-parse', 'HEAD')
  const changed = await git('diff', 'HEAD')
  const others = await git('ls-files', '--others', '--exclude-standard')
  if (commit === null || changed === null || others === null) return null
  if (changed === '' && others === '') return commit.trim()
  const hash = createHash('sha256').update(changed)
  for (const name of others.split('\n').filter(Boolean))
    hash.update(`\n${name}\n`).update(readFileSync(join(root, name)))
  return `${commit.trim()}+${hash.digest('hex').slice(0, 16)}`
}

/** Files that are long, and those that have a longer form of themselves. */
async function files() {
  const { code, stdout, output } = await run(process.execPath, [bin('vitest'), 'list', '--filesOnly', '--json'], {
    cwd: root,
    capture: true,
  })
  if (code !== 0) throw new Error(`The tests cannot be listed: ${output}`)
  const all = [...new Set(JSON.parse(stdout).map(({ file }) => file))]
  const long = (file) => file.endsWith('.soak.test.ts') || readFileSync(file, 'utf8').includes('APPALOFT_SOAK')
  return all
    .filter((file) => existsSync(file) && long(file))
    .map((file) => relative(root, file))
    .sort()
}

/** What was found of files for this very state of the project, before. */
export const takenOver = (former, state, again) =>
  again || state === null || former?.state !== state
    ? {}
    : Object.fromEntries(Object.entries(former.files).filter(([, { failed }]) => failed === 0))

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`
const add = (total, one) => ({
  passed: total.passed + one.passed,
  failed: total.failed + one.failed,
  failures: [...total.failures, ...(one.failures ?? [])],
  skipped: [...total.skipped, ...(one.skipped ?? [])],
})

/**
 * The long tests, a file at a time, each kept once it is over: a run that was cut goes on with the next one, while nothing of the project
 * was changed. What failed is run again.
 *
 * @param words parts of names of files: only those
 * @param again also what has passed before
 */
export async function soak(env, { words = [], again = false } = {}) {
  const state = await stateOf()
  const results = { state, files: takenOver(read(), state, again) }
  const all = await files()
  const chosen = words.length === 0 ? all : all.filter((file) => words.some((word) => file.includes(word)))
  if (chosen.length === 0)
    throw new Error(`No long test is called ${words.join(' or ')}. There are:\n${all.join('\n')}`)
  let total = { passed: 0, failed: 0, failures: [], skipped: [] }
  for (const [index, file] of chosen.entries()) {
    const at = `${index + 1} of ${chosen.length}  ${file}`
    const before = results.files[file]
    if (before !== undefined) {
      console.log(`\n--- ${at}: ${before.passed} passed on ${before.at}, ${before.time}`)
      total = add(total, before)
      continue
    }
    console.log(`\n--- ${at}`)
    const began = performance.now()
    const found = await vitest([], { ...env, APPALOFT_SOAK: '1' }, { files: [file] })
    const time = seconds(performance.now() - began)
    results.files[file] = { ...found, time, at: new Date().toISOString() }
    if (state !== null) write(results)
    console.log(`--- ${file}: ${found.passed} passed, ${found.failed} failed (${time})`)
    total = add(total, found)
  }
  return total
}
