// Writes docs/errors, a page a code, from packages/core/src/spec/codes.
//   --check   writes nothing; says which pages are missing, stale or superfluous, and fails
//   --folder  another folder than docs/errors
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import ts from 'typescript'
import { root } from './lib/workspace.mjs'

const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, folder: { type: 'string', default: 'docs/errors' } },
})

/** The table as it is in the sources: its files import nothing but types and each other, so that the stripped texts run by themselves. */
const loadCodes = async () => {
  const source = join(root, 'packages/core/src/spec')
  const stripped = mkdtempSync(join(tmpdir(), 'appaloft-codes-'))
  try {
    writeFileSync(join(stripped, 'package.json'), '{ "type": "module" }')
    mkdirSync(join(stripped, 'codes'))
    const parts = readdirSync(join(source, 'codes')).map((name) => join('codes', name))
    for (const file of ['codes.ts', ...parts]) {
      const { outputText } = ts.transpileModule(readFileSync(join(source, file), 'utf8'), {
        compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
      })
      writeFileSync(join(stripped, file.replace(/\.ts$/, '.js')), outputText)
    }
    return await import(pathToFileURL(join(stripped, 'codes.js')).href)
  } finally {
    rmSync(stripped, { recursive: true, force: true })
  }
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

const generated = '<!-- Written by scripts/error-pages.mjs from packages/core/src/spec/codes: change it there. -->'

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
