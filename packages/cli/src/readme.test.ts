import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { MemoryOutput } from '../test/support.js'
import { buildProgram } from './cli.js'
import type { Deps } from './context.js'
import { exitCodeMeanings } from './exit-codes.js'

const file = new URL('../README.md', import.meta.url)
const readme = readFileSync(file, 'utf8')
const io = { stdout: new MemoryOutput(), stderr: new MemoryOutput() }
const program = buildProgram({ io } as unknown as Deps, () => {})

/** Commands that do something themselves, with their names in full. */
function leaves(command: Command, above: string[] = []): { name: string; command: Command }[] {
  const path = [...above, command.name()]
  const found = command.commands.flatMap((one) => leaves(one, path))
  return found.length > 0 ? found : [{ name: path.join(' '), command }]
}
const all = leaves(program)

const sentence = (command: Command): string => {
  const text = command.description()
  const alias = command.aliases().map((one) => ` Also called \`${one}\`.`)
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.${alias.join('')}`
}

/** The real help, as tables. */
function reference(): string {
  const table = (command: Command) => {
    const help = command.createHelp()
    return help
      .visibleOptions(command)
      .filter(({ long }) => long !== '--help')
      .map((option) => `| \`${help.optionTerm(option)}\` | ${help.optionDescription(option).replaceAll('|', '\\|')} |`)
  }
  const usage = (name: string, command: Command) =>
    [
      name,
      ...command.registeredArguments.map((argument) => {
        const words = argument.name() + (argument.variadic ? '...' : '')
        return argument.required ? `<${words}>` : `[${words}]`
      }),
    ].join(' ')
  const section = (title: string, words: string, rows: string[]) =>
    [title, '', words, ...(rows.length === 0 ? [] : ['', '| flag | |', '| --- | --- |', ...rows]), ''].join('\n')
  return [
    section('### Every command', 'These flags go with every command.', table(program)),
    ...all.map(({ name, command }) => section(`### \`${usage(name, command)}\``, sentence(command), table(command))),
  ].join('\n')
}

describe('the readme', () => {
  it('tells every command', () => {
    const told = [...readme.matchAll(/^\| `(appaloft [^`]+)` \|/gm)].map(([, usage = '']) => usage)
    const names = all.map(({ name }) => name)
    expect(names.filter((name) => !told.some((usage) => `${usage} `.startsWith(`${name} `)))).toEqual([])
    expect(told.filter((usage) => !names.some((name) => `${usage} `.startsWith(`${name} `)))).toEqual([])
  })

  it('has every flag as the help has it', async () => {
    const begin = readme.indexOf('### Every command')
    const end = readme.indexOf('\n## ', begin)
    expect([begin, end].every((at) => at > 0)).toBe(true)
    // `npx vitest -u` writes it anew.
    await expect(`${readme.slice(0, begin)}${reference()}${readme.slice(end)}`).toMatchFileSnapshot(file.pathname)
  })

  it('has every exit code', () => {
    const rows = [...readme.matchAll(/^\| (\d+) \| (.+) \|$/gm)].map((match) => [Number(match[1]), match[2]])
    expect(rows).toEqual(exitCodeMeanings.map(([code, meaning]) => [code, meaning]))
  })
})
