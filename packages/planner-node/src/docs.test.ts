import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { frameworkNames, frameworkTable } from '../test/docs-table.js'
import { frameworks } from './frameworks/table.js'

const file = join(import.meta.dirname, '../../../docs/planners.md')
const marked = /(<!-- frameworks: made from the fixtures -->\n)[\s\S]*?(<!-- \/frameworks -->)/

/** A row without its last cell, which says what is deployed for real. */
const without = (line: string): string => line.replace(/[^|]*\|$/, '')
const names = (line: string): string[] =>
  (/([^|]*)\|$/.exec(line)?.[1] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')

describe('the table of frameworks in the documentation', () => {
  it('is what the fixtures show', async () => {
    const table = await frameworkTable()
    const text = readFileSync(file, 'utf8')
    expect(text).toMatch(marked)
    // APPALOFT_WRITE_PLANS writes it.
    if (process.env.APPALOFT_WRITE_PLANS)
      writeFileSync(
        file,
        text.replace(marked, (_, a, b) => `${a}${table}\n${b}`),
      )
    const written = marked.exec(readFileSync(file, 'utf8'))?.[0].split('\n').slice(1, -1) ?? []
    expect(written.map(without)).toEqual(table.split('\n').map(without))
    // What is named as deployed is: more of it may have come since.
    for (const [at, line] of table.split('\n').entries())
      expect(names(line)).toEqual(expect.arrayContaining(names(written[at] ?? '')))
  })

  it('every framework has a fixture', () => {
    const shown = frameworkNames()
    expect([...new Set(frameworks.map(({ name }) => name))].filter((name) => !shown.has(name))).toEqual([])
  })
})
