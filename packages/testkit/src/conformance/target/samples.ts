import type { Artifact, Command } from '@appaloft/core/spec'

/** An application to deploy: small, without dependencies. */
export interface SampleApp {
  artifact: Artifact
  files: Readonly<Record<string, string>>
  install?: Command
  build?: Command
  start?: Command
}

/**
 * The applications and commands of the suite. `nodeSamples` are for targets that run real processes; a target with a language of its own
 * brings others that do the same.
 */
export interface TargetSamples {
  /** Prints `listening`, answers every request with the text; on SIGTERM it prints `bye` and exits with 0. */
  server(text: string): SampleApp
  /** A server that first prints each of these variables as `NAME=value`, and `names=` with all names, sorted, separated by commas. */
  printing(names: readonly string[]): SampleApp
  /** A server that prints `line-1`, `line-2`, … up to the count, then nothing more until it ends. */
  talking(count: number): SampleApp
  /** Prints the line and exits with the code, soon after its start. */
  exiting(code: number, line: string): SampleApp
  /** A server that does nothing on SIGTERM. */
  stubborn(): SampleApp
  /** Starts a child that lives on by itself, and prints `child PID` of it. */
  forking(): SampleApp
  /** Listens on this port, whatever PORT says. */
  fixed(port: number): SampleApp
  /** Neither listens nor ends. */
  worker(): SampleApp
  /** Adds a line to the file, and answers with all lines of it. */
  remembering(file: string): SampleApp
  site(files: Readonly<Record<string, string>>): SampleApp
  /** Prints the lines to standard output and exits with the code. */
  command(exitCode: number, ...lines: string[]): Command
  /** Prints `NAME=value` of each; the value of one that is not set is empty. And `names=` with all names. */
  environment(...names: string[]): Command
  /** Prints `started`, and `child PID` of a child that does not end; neither does it end itself. */
  hanging(): Command
  /** A command that no machine has. */
  missing: string
}

const workspace = { kind: 'workspace', installDirectory: '.', workingDirectory: '.' } as const

/** A program in one file that listens where PORT says, with something before and around it. */
const listening = (
  before: string,
  answer: string,
  port = 'process.env.PORT',
  onTerm = 'console.log("bye"); process.exit(0)',
) => ({
  artifact: workspace,
  files: {
    'server.mjs': [
      "import { createServer } from 'node:http'",
      before,
      `createServer((request, response) => { ${answer} }).listen(Number(${port}), () => console.log('listening'))`,
      `process.on('SIGTERM', () => { ${onTerm} })`,
    ].join('\n'),
  },
  start: ['node', 'server.mjs'],
})

const silent = 'response.end()'
const names = 'console.log("names=" + Object.keys(process.env).sort().join(","))'
const valueOf = (name: string) =>
  `console.log(${JSON.stringify(`${name}=`)} + (process.env[${JSON.stringify(name)}] ?? ''))`
const child =
  'spawn(process.execPath, ["-e", "process.on(\\"SIGTERM\\", () => process.exit(0)); setInterval(() => {}, 1000)"], { stdio: "ignore" })'

export const nodeSamples: TargetSamples = {
  server: (text) => listening('', `response.end(${JSON.stringify(text)})`),
  printing: (wanted) => listening([names, ...wanted.map(valueOf)].join('\n'), silent),
  talking: (count) => listening(`for (let i = 1; i <= ${count}; i += 1) console.log('line-' + i)`, silent),
  exiting: (code, line) => ({
    artifact: workspace,
    files: { 'server.mjs': `console.log(${JSON.stringify(line)})\nprocess.exitCode = ${code}` },
    start: ['node', 'server.mjs'],
  }),
  stubborn: () => listening('', silent, undefined, ''),
  forking: () =>
    listening(
      `import { spawn } from 'node:child_process'\nconst child = ${child}\nconsole.log('child ' + child.pid)`,
      silent,
      undefined,
      'process.exit(0)',
    ),
  fixed: (port) => listening('', 'response.end("fixed")', String(port)),
  worker: () => ({
    artifact: workspace,
    files: { 'server.mjs': `${names}\nconsole.log('working')\nsetInterval(() => {}, 1000)` },
    start: ['node', 'server.mjs'],
  }),
  remembering: (file) =>
    listening(
      [
        "import { appendFileSync, readFileSync } from 'node:fs'",
        `appendFileSync(${JSON.stringify(file)}, 'once\\n')`,
      ].join('\n'),
      `response.end(readFileSync(${JSON.stringify(file)}))`,
    ),
  site: (files) => ({ artifact: { kind: 'static-site', publishDirectory: 'public', spaFallback: false }, files }),
  command: (exitCode, ...lines) => [
    'node',
    '-e',
    `${lines.map((line) => `console.log(${JSON.stringify(line)})`).join(';')};process.exitCode=${exitCode}`,
  ],
  environment: (...wanted) => ['node', '-e', [names, ...wanted.map(valueOf)].join(';')],
  hanging: () => [
    'node',
    '-e',
    `const { spawn } = require('node:child_process'); const child = ${child}; console.log('started'); console.log('child ' + child.pid); setInterval(() => {}, 1000)`,
  ],
  missing: 'appaloft-no-such-command',
}

/** The same for `fakeTarget`, in the words of its scripts. */
export const fakeSamples: TargetSamples = {
  server: (text) => ({ artifact: workspace, files: {}, start: `serve print=listening bye=bye text=${text}` }),
  printing: (wanted) => ({ artifact: workspace, files: {}, start: `serve names env=${wanted.join(',')}` }),
  talking: (count) => ({
    artifact: workspace,
    files: {},
    start: `serve print=${Array.from({ length: count }, (_, at) => `line-${at + 1}`).join(',')}`,
  }),
  exiting: (code, line) => ({
    artifact: workspace,
    files: {},
    start: `serve print=${line} exit-after=20 exit-code=${code}`,
  }),
  stubborn: () => ({ artifact: workspace, files: {}, start: 'serve print=listening ignore-sigterm' }),
  forking: () => ({ artifact: workspace, files: {}, start: 'serve' }),
  fixed: () => ({ artifact: workspace, files: {}, start: 'serve text=fixed' }),
  worker: () => ({ artifact: workspace, files: {}, start: 'serve listen=never print=working names' }),
  remembering: () => ({ artifact: workspace, files: {}, start: 'serve' }),
  site: () => ({ artifact: { kind: 'static-site', publishDirectory: 'public', spaFallback: false }, files: {} }),
  command: (exitCode, ...lines) => [`print=${lines.join(',')}`, `exit-code=${exitCode}`],
  environment: (...wanted) => ['names', `env=${wanted.join(',')}`],
  hanging: () => 'print=started delay=600000',
  missing: 'missing',
}
