// What the story shows.
const color = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (code) => (text) => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
const [bold, dim, red, green] = [paint(1), paint(2), paint(31), paint(32)]

let failed = 0

export const say = (text) => console.log(text)
export const chapter = (title) => say(`\n${bold(`— ${title} —`)}`)
export const failures = () => failed

/** A claim of the story, held against what happened. */
export function check(claim, holds) {
  if (!holds) failed += 1
  say(`  ${holds ? green('✔') : red('✖')} ${claim}`)
}

export function showPreview({ readiness, planner, commands, evidence, unsupportedReasons }) {
  say(`  preview: ${readiness.status}, planner ${planner?.key ?? 'none'} (${planner?.supportTier ?? '-'})`)
  for (const { file, signal, value } of evidence.slice(0, 5)) {
    const found = value === undefined ? '' : ` = ${JSON.stringify(value)}`
    say(dim(`    evidence: ${signal}${found}${file === undefined ? '' : ` in ${file}`}`))
  }
  for (const [name, { command }] of Object.entries(commands)) say(dim(`    ${name}: ${[command].flat().join(' ')}`))
  for (const { code, message } of unsupportedReasons) say(red(`    ${code}: ${message}`))
}

/** Phases and what moves traffic; the log lines of a build would drown them. */
export function showEvent({ type, phase, message }) {
  const words = {
    'phase-started': `${phase} …`,
    'phase-failed': red(`${phase} failed: ${message ?? ''}`),
    'traffic-promoted': green('traffic promoted'),
    'traffic-restored': 'traffic restored',
    'release-drained': 'old release drained',
  }[type]
  if (words !== undefined) say(`  ${words}`)
}

export function showOutcome({ id, status, accessUrls, checks, failure, rollback, createdAt, finishedAt }) {
  const took = Date.parse(finishedAt) - Date.parse(createdAt)
  say(`  ${status === 'succeeded' ? green(status) : red(status)} after ${took} ms (${id})`)
  for (const [name, { status, evidence }] of Object.entries(checks)) {
    const seen = evidence.map(({ signal, value }) => `${signal} = ${JSON.stringify(value)}`).slice(0, 2)
    say(dim(`    ${name}: ${status}${seen.length === 0 ? '' : `, ${seen.join(', ')}`}`))
  }
  if (failure) {
    say(`    ${failure.code} in ${failure.phase}: ${failure.message}`)
    say(`    to recover: ${failure.recoveryHint}`)
  }
  if (rollback) say(`    rollback: ${rollback.outcome}`)
  if (status === 'succeeded') for (const url of accessUrls) say(`    ${bold(url)}`)
}
