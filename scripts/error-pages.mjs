// Writes docs/errors, a page a code, from packages/core/src/spec/codes.ts.
//   --check   writes nothing; says which pages are missing, stale or superfluous, and fails
//   --folder  another folder than docs/errors
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import ts from 'typescript'
import { root } from './lib/workspace.mjs'

const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, folder: { type: 'string', default: 'docs/errors' } },
})

/** The table as it is in the sources: it imports nothing but types, so that the stripped text runs by itself. */
const loadCodes = () => {
  const source = readFileSync(join(root, 'packages/core/src/spec/codes.ts'), 'utf8')
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
  })
  return import(`data:text/javascript;base64,${Buffer.from(outputText).toString('base64')}`)
}

const { codes, allReasonCodes } = await loadCodes()
const reasons = new Set(allReasonCodes)

const kinds = {
  reason: {
    title: 'Reasons',
    where:
      'A reason: a preview carries it among its `unsupportedReasons` or `warnings`, and an attempt that it blocks ends with it as `failure.code`.',
    has: (code) => reasons.has(code),
  },
  failure: {
    title: 'Failures of a deployment',
    where: 'A failure: the attempt ends with it as `failure.code`.',
    has: (code) => !reasons.has(code) && codes[code].phase !== undefined,
  },
  call: {
    title: 'Errors of calls',
    where: 'An error of a call: the `AppaloftError` carries it as `code`.',
    has: (code) => !reasons.has(code) && codes[code].phase === undefined,
  },
}

const generated = '<!-- Written by scripts/error-pages.mjs from packages/core/src/spec/codes.ts: change it there. -->'

const page = (code) => {
  const { title, fix, category, phase, field, retriable } = codes[code]
  const facts = [
    ['category', `\`${category}\``],
    ...(phase ? [['phase', `\`${phase}\``]] : []),
    ...(field ? [['profile field', `\`${field}\``]] : []),
    ['worth trying again without a change', retriable ? 'yes' : 'no'],
  ]
  const kind = Object.values(kinds).find(({ has }) => has(code))
  return `${generated}

# \`${code}\`

${title}

## What to do

${fix}

## Facts

| | |
| --- | --- |
${facts.map(([name, value]) => `| ${name} | ${value} |`).join('\n')}

${kind.where}

[All codes](README.md)
`
}

const index = () => {
  const table = (kind) =>
    Object.keys(codes)
      .filter(kind.has)
      .sort()
      .map((code) => `| [\`${code}\`](${code}.md) | ${codes[code].phase ?? ''} | ${codes[code].title} |`)
      .join('\n')
  const sections = Object.values(kinds).map(
    (kind) => `## ${kind.title}\n\n| code | phase | what happened |\n| --- | --- | --- |\n${table(kind)}\n`,
  )
  return `${generated}

# Codes

Every error, failure, reason and warning carries one of these codes. Branch on the code, never on a message: messages may change.

${sections.join('\n')}`
}

const folder = resolve(root, options.folder)
const wanted = new Map([['README.md', index()], ...Object.keys(codes).map((code) => [`${code}.md`, page(code)])])

mkdirSync(folder, { recursive: true })
const present = new Set(readdirSync(folder))
const problems = []
for (const [name, text] of wanted) {
  if (present.has(name) && readFileSync(join(folder, name), 'utf8') === text) continue
  problems.push(`${present.has(name) ? 'stale' : 'missing'}: ${name}`)
  if (!options.check) writeFileSync(join(folder, name), text)
}
for (const name of present) {
  if (wanted.has(name)) continue
  problems.push(`superfluous: ${name}`)
  if (!options.check) rmSync(join(folder, name), { recursive: true })
}

for (const problem of problems) console.log(problem)
if (options.check && problems.length > 0) {
  console.error('Run node scripts/error-pages.mjs, and commit docs/errors.')
  process.exitCode = 1
}
