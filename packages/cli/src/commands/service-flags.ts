import type { Command } from 'commander'
import { text } from '../project/flags.js'

/** Which unit is meant. */
export const addServiceFlags = (command: Command): Command =>
  command
    .option('--user', 'a unit of this user (default, but for root)')
    .option('--system', 'a unit of the system (default for root)')
    .option('--name <name>', 'of the unit: another one for another state folder (default appaloft)', text)
