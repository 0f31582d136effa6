import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { allReasonCodes, codes, type Preview } from '@appaloft/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createCases } from '../../test/reasons/create-cases.js'
import { detectCases } from '../../test/reasons/detect-cases.js'
import { planCases } from '../../test/reasons/plan-cases.js'
import { type Case, overridden, preview, type Situation } from '../../test/reasons/scene.js'
import { warningCases } from '../../test/reasons/warning-cases.js'

// Every reason that a preview can carry, and that following it helps: what it says of the source, and what it says of a profile.

let programs = ''
const { PATH } = process.env
beforeAll(() => {
  // The ssh of a machine with one host that knows one key, and none else.
  programs = mkdtempSync(join(tmpdir(), 'appaloft-ssh-'))
  writeFileSync(
    join(programs, 'ssh'),
    [
      '#!/bin/sh',
      'for argument in "$@"; do',
      '  case "$argument" in *down.example*) echo "ssh: Could not resolve hostname down.example" >&2; exit 255;; esac',
      '  last=$argument',
      'done',
      'grep -q RIGHT ./key || { echo "git@git.example: Permission denied (publickey)." >&2; exit 255; }',
      'exec sh -c "$last"',
    ].join('\n'),
  )
  chmodSync(join(programs, 'ssh'), 0o755)
  process.env.PATH = `${programs}${delimiter}${PATH}`
})
afterAll(() => {
  process.env.PATH = PATH
  rmSync(programs, { recursive: true, force: true })
})

const plain = ({ unsupportedReasons, warnings }: Preview) =>
  [...unsupportedReasons, ...warnings].map(({ code, message }) => `${code}: ${message}`)

async function mended({ code }: Case, situation: Situation, blocks: boolean): Promise<void> {
  const after = await preview(situation)
  const left = [...after.unsupportedReasons, ...after.warnings].filter((one) => one.code === code)
  expect(left, plain(after).join('\n')).toEqual([])
  if (blocks) expect(after.readiness.status, plain(after).join('\n')).not.toBe('blocked')
}

const cases = [...detectCases, ...planCases, ...warningCases].map((one) => [one.code, one] as const)

describe('a source', () => {
  it.each(cases)('with %s is repaired by each way that the reason names', async (code, one) => {
    const before = await preview(one.situation)
    const blocks = before.readiness.status === 'blocked'
    const shown = blocks ? before.unsupportedReasons : before.warnings
    expect(blocks, plain(before).join('\n')).toBe(!warningCases.includes(one))
    expect(new Set(shown.map((reason) => reason.code)), plain(before).join('\n')).toContain(code)
    if (blocks) expect(shown).toHaveLength(1)
    const reason = shown.find((each) => each.code === code)!
    expect(reason.phase).toBe(codes[code].phase)
    expect(reason.docs).toBe(`errors/${code}.md`)
    expect(reason.fixPath.length + reason.overridePath.length).toBeGreaterThan(0)

    expect(one.fixes, JSON.stringify(reason.fixPath)).toHaveLength(reason.fixPath.length)
    for (const ways of one.fixes) {
      for (const fix of typeof ways === 'function' ? [ways] : ways) await mended(one, fix(one.situation), blocks)
    }
    for (const way of reason.overridePath) {
      await mended(one, overridden(one.situation, way, one.values), blocks)
    }
  })
})

describe('a deployment', () => {
  it.each(Object.entries(createCases))('meets %s, and is repaired', async (_code, run) => {
    await run()
  })
})

/** What the sources of the packages say, but for the table of codes itself. */
function said(): string {
  const packages = join(import.meta.dirname, '../../..')
  const files = readdirSync(packages).flatMap((name) =>
    readdirSync(join(packages, name, 'src'), { recursive: true, encoding: 'utf8' }).map((file) =>
      join(packages, name, 'src', file),
    ),
  )
  return files
    .filter((file) => file.endsWith('.ts') && !/\.test\.ts$|spec.codes\.ts$/.test(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
}

it('the table holds every code of detect and plan that anything says', () => {
  const text = said()
  const wanted = allReasonCodes.filter(
    (code) => ['detect', 'plan'].includes(codes[code].phase ?? '') && text.includes(`'${code}'`),
  )
  const held = [...cases.map(([code]) => code), ...Object.keys(createCases)]
  expect(held.sort()).toEqual([...wanted].sort())
})
