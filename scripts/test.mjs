// `npm test`: everything that has to hold, from a fresh clone on. Nothing but Node may be needed to start it.
//   --only lint,unit   some of the steps
//   --soak             the long tests instead, a file at a time; a run that was cut goes on where it was
//   --again            also those that have passed before     ssh-cuts observation   only those with such names
import { parseArgs } from 'node:util'
import { provideCaddy } from './engines/caddy.mjs'
import { startEngines } from './engines/index.mjs'
import { provideSshd } from './engines/sshd.mjs'
import { install } from './lib/install.mjs'
import { run } from './lib/run.mjs'
import { bin, root } from './lib/workspace.mjs'

const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    soak: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
  },
})
if (!options.soak && (words.length > 0 || options.again)) {
  console.error(
    `${words[0] ?? '--again'} belongs to --soak (npm run test:soak). For some of the steps: --only lint,unit`,
  )
  process.exit(2)
}
const ci = Boolean(process.env.CI) && process.env.CI !== 'false'
// `npm --silent test` must not silence the npm that the steps call.
delete process.env.npm_config_loglevel

const program = async (file, args) => {
  const { code } = await run(process.execPath, [file, ...args], { cwd: root })
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1, failures: [`exit code ${code}`] }
}
const tests = async (...given) => (await import('./lib/vitest.mjs')).vitest(...given)

/** Tests with a Docker Engine that is here or one of their own. What needs one says so where there is none. */
const withEngines = async (work) => {
  console.log('Engines for the tests:')
  const engines = await startEngines()
  if (engines.env === null) console.log(`  none: ${engines.why}`)
  const caddy = await provideCaddy()
  console.log(caddy.env === null ? `  no Caddy: ${caddy.why}` : `  Caddy: ${caddy.env.APPALOFT_TEST_CADDY}`)
  const sshd = await provideSshd()
  console.log(sshd.env === null ? `  no sshd: ${sshd.why}` : '  sshd: out of the same packages')
  try {
    const result = await work({ ...engines.env, ...caddy.env, ...sshd.env })
    if (engines.env !== null) return result
    const without = `the tests with a Docker Engine: ${engines.why}`
    if (!ci) return { ...result, notRun: without }
    return { ...result, failed: result.failed + 1, failures: [...result.failures, `not run: ${without}`] }
  } finally {
    await engines.close()
  }
}

const steps = {
  lint: () =>
    program(bin('@biomejs/biome', 'biome'), [
      'ci',
      '--error-on-warnings',
      ...(process.stdout.isTTY ? [] : ['--colors=off']),
    ]),
  types: () => program(bin('typescript', 'tsc'), ['-b', '--pretty']),
  build: () => program('scripts/build.mjs', []),
  unit: (how) => tests(['unit'], {}, how),
  int: () => withEngines((env) => tests(['int'], env)),
  fences: () => program('scripts/fences.test.mjs', []),
  packages: () => program('scripts/packages.mjs', []),
}
const soak = {
  types: steps.types,
  build: steps.build,
  soak: () => withEngines(async (env) => (await import('./lib/soak.mjs')).soak(env, { words, again: options.again })),
}

const available = options.soak ? soak : steps
const chosen = options.only ? options.only.split(',') : Object.keys(available)
const unknown = chosen.filter((name) => !Object.hasOwn(available, name))
if (unknown.length > 0) {
  console.error(`Unknown step: ${unknown.join(', ')}. Steps: ${Object.keys(available).join(', ')}`)
  process.exit(2)
}

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`
const results = []
const installed = await install()
if (!installed) results.push({ name: 'install', passed: 0, failed: 1, failures: ['npm ci failed'], time: '' })

const perform = async (name, how) => {
  const started = performance.now()
  const { output, ...result } = await available[name](how).catch((error) => ({
    passed: 0,
    failed: 1,
    failures: [error.stack],
  }))
  if (output !== undefined) console.log(`\n=== ${name}\n${output.trimEnd()}`)
  results.push({ name, ...result, time: seconds(started) })
  console.log(`=== ${name}: ${result.failed === 0 ? 'ok' : 'FAILED'} (${results.at(-1).time})`)
}

// The integration tests mostly wait: the others are run meanwhile, and told after them.
const beside = ['unit', 'int'].every((name) => chosen.includes(name))
for (const name of installed ? chosen : []) {
  if (beside && name === 'unit') continue
  console.log(`\n=== ${name}`)
  const aside = beside && name === 'int' ? perform('unit', { aside: true }) : undefined
  await perform(name)
  await aside
}

console.log('\nSummary')
let passed = 0
let failed = 0
for (const { name, time, notRun, failures = [], skipped = [], ...counts } of results) {
  passed += counts.passed
  failed += counts.failed + (ci ? skipped.length : 0)
  console.log(`  ${name.padEnd(9)} ${time.padStart(8)}  ${counts.passed} passed, ${counts.failed} failed`)
  for (const failure of failures) console.log(`    failed: ${failure}`)
  if (skipped.length > 0)
    console.log(`    ${skipped.length} skipped${ci ? ', each counted as a failure under CI' : ''}:`)
  for (const test of skipped) console.log(`      ${test}`)
  if (notRun) console.log(`    not run: ${notRun}`)
}
const left = installed ? Object.keys(available).filter((name) => !chosen.includes(name)) : Object.keys(available)
if (left.length > 0)
  console.log(`  not run: ${left.join(', ')} (${installed ? 'left out by --only' : 'nothing is installed'})`)

process.exitCode = failed === 0 ? 0 : 1
console.log(`${passed} passed, ${failed} failed`)
