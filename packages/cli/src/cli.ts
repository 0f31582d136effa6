import { Command, CommanderError, Option } from 'commander'
import { registerAll } from './commands/index.js'
import type { Context, Deps, Globals } from './context.js'
import { describeError, usageError } from './errors.js'
import { type ExitCode, exitCodeMeanings, exitCodes } from './exit-codes.js'
import { errorLines } from './output/error.js'
import { styleFor } from './output/style.js'
import { pad } from './output/text.js'
import { version } from './version.js'

/** Runs one command line, without the program's name. Answers with the exit code; never throws. */
export async function runCli(argv: readonly string[], deps: Deps): Promise<ExitCode> {
  let exitCode: ExitCode = exitCodes.success
  let help = ''
  const finish = (code: ExitCode) => {
    exitCode = code
  }
  const program = buildProgram(deps, finish, (text) => {
    help += text
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return exitCode
  } catch (error) {
    // No command at all: the help says what there is.
    if (error instanceof CommanderError && error.code === 'commander.help') deps.io.stderr.write(`${help}\n`)
    return report(error, argv, deps)
  } finally {
    await Promise.all([deps.io.stdout.drained(), deps.io.stderr.drained()])
  }
}

/** All commands and flags. `finish` gets the exit code of the one that ran, `helped` a help that nobody asked for. */
export function buildProgram(
  deps: Deps,
  finish: (code: ExitCode) => void,
  helped: (text: string) => void = () => {},
): Command {
  const { io } = deps
  const program = new Command('appaloft')
    .description('Take an application from its source to verified traffic, and back.')
    .version(version(), '-V, --version', 'print the version')
    .option('--json', 'JSON lines on stdout, words for people on stderr')
    .option('-q, --quiet', 'only the result')
    .option('--no-color', 'no colours')
    .addOption(new Option('--color').hideHelp())
    .option('--config <file>', 'the configuration file (default: appaloft.config.* in the folder)')
    .option('--state-dir <folder>', 'where the engine keeps its state (default: $APPALOFT_STATE_DIR)')
    .helpCommand('help [command]', 'show the help of a command')
    .configureHelp({ showGlobalOptions: true })
    .addHelpText('after', () => `\nExit codes:\n${exitCodeLines().join('\n')}`)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // The error itself is written by the one place that knows about --json.
      writeErr: helped,
      getOutHelpWidth: () => io.stdout.columns,
      getErrHelpWidth: () => io.stderr.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  registerAll(program, (action) => async (...args) => {
    const ctx = contextFor(deps, program.opts<Globals>())
    finish(await action(ctx, ...(args as never)))
  })
  return program
}

export const exitCodeLines = (): string[] =>
  exitCodeMeanings.map(([code, meaning]) => `  ${pad(String(code), 4)} ${meaning}`)

export function contextFor(deps: Deps, globals: Globals): Context {
  const { io } = deps
  return {
    io,
    deps,
    globals,
    style: styleFor(globals.json ? io.stderr : io.stdout, io.env, globals.color),
    errStyle: styleFor(io.stderr, io.env, globals.color),
    say(line = '') {
      if (!globals.quiet) (globals.json ? io.stderr : io.stdout).write(`${line}\n`)
    },
    warn: (line) => io.stderr.write(`${line}\n`),
    result(line) {
      if (!globals.json) io.stdout.write(`${line}\n`)
    },
    json(document) {
      if (globals.json) io.stdout.write(`${JSON.stringify(document)}\n`)
    },
  }
}

/** Tells an error, in words on stderr and, with `--json`, as a line on stdout. */
function report(error: unknown, argv: readonly string[], deps: Deps): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.success
    const message = error.message.replace(/^error: /, '').replace(/\n/g, ' ')
    return report(usageError(error.code === 'commander.help' ? 'No command given.' : message), argv, deps)
  }
  const { io } = deps
  const { json, exitCode } = describeError(error)
  // What commander knows of the flags is lost where it failed itself.
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv
  if (own.includes('--json')) io.stdout.write(`${JSON.stringify({ kind: 'error', error: json })}\n`)
  const style = styleFor(io.stderr, io.env, own.includes('--no-color') ? false : undefined)
  io.stderr.write(`${errorLines(json, style).join('\n')}\n`)
  if (io.env.APPALOFT_DEBUG && error instanceof Error) io.stderr.write(`${error.stack}\n`)
  return exitCode
}
