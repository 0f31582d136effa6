import type { Command } from 'commander'
import type { Context } from '../context.js'
import type { ExitCode } from '../exit-codes.js'

/** Wraps a command's action: it gets the context first, then what commander gives, and answers with the exit code. */
export type Run = <A extends unknown[]>(
  action: (ctx: Context, ...args: A) => Promise<ExitCode>,
) => (...args: A) => Promise<void>

/** Adds a command. Nothing heavy is imported before its action runs. */
export type Register = (program: Command, run: Run) => void
