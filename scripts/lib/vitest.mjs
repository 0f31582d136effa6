import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './run.mjs'
import { bin, root } from './workspace.mjs'

const nameOf = (file, test) => `${relative(root, file)} > ${test.fullName}`

/** Counts a report of vitest's json reporter; a file that could not be loaded counts as one failure. */
export const count = (report) => {
  const found = { passed: 0, failed: 0, failures: [], skipped: [] }
  for (const { name: file, status, message, assertionResults } of report.testResults) {
    for (const test of assertionResults) {
      if (test.status === 'passed') found.passed += 1
      else if (test.status === 'failed') found.failures.push(nameOf(file, test))
      else found.skipped.push(nameOf(file, test))
    }
    const broken = status === 'failed' && !assertionResults.some((test) => test.status === 'failed')
    if (broken) found.failures.push(`${relative(root, file)}: ${message.split('\n')[0]}`)
  }
  found.failed = found.failures.length
  return found
}

const outsideReporter = fileURLToPath(new URL('outside.mjs', import.meta.url))

/** The errors outside of any test (an unhandled rejection), which vitest's own report leaves out: a line each. */
const outside = (file) => {
  let lines
  try {
    lines = JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    lines = []
  }
  return lines.length > 0 ? lines : ['an error outside of any test (see the output above)']
}

/**
 * Runs the tests of some vitest projects, or of some files. `aside`: one file at a time, behind what else runs, and with the output at the end.
 */
export const vitest = async (projects, env, { aside = false, files = [] } = {}) => {
  const report = join(root, '.cache', `vitest-${projects.join('-') || 'files'}-${process.pid}.json`)
  mkdirSync(join(root, '.cache'), { recursive: true })
  const chosen = projects.flatMap((project) => ['--project', project])
  const reporters = ['default', 'json', outsideReporter].map((reporter) => `--reporter=${reporter}`)
  const errors = `${report}.errors`
  const workers = aside ? ['--maxWorkers=1'] : []
  const args = [...files, ...chosen, ...workers, '--passWithNoTests', ...reporters, `--outputFile.json=${report}`]
  const { code, output } = await run(process.execPath, [bin('vitest'), 'run', ...args], {
    cwd: root,
    env: { ...env, APPALOFT_OUTSIDE_ERRORS: errors },
    capture: aside,
    aside,
  })
  let found
  try {
    found = count(JSON.parse(readFileSync(report, 'utf8')))
  } catch {
    const failures = code === 0 ? [] : ['vitest wrote no report']
    found = { passed: 0, failed: failures.length, failures, skipped: [] }
  }
  if (code !== 0 && found.failed === 0) {
    found.failures.push(...outside(errors))
    found.failed = found.failures.length
  }
  for (const file of [report, errors]) rmSync(file, { force: true })
  if (found.passed + found.failed + found.skipped.length === 0) found.notRun = 'there are no such tests yet'
  return aside ? { ...found, output } : found
}
