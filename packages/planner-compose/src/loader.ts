import { Budget } from './budget.js'
import { canonical } from './canonical.js'
import { parseDotenv } from './dotenv.js'
import { interpolate } from './interpolate.js'
import { limits } from './options.js'
import { join } from './paths.js'
import { ComposeProblem, type Place, quoted } from './problem.js'
import { checkShape } from './schema.js'
import type { Mapping } from './tree.js'
import { holdsMarks, type Variables } from './variables.js'
import { parseYaml } from './yaml.js'

/** The files of the source, by their paths from its root. */
export interface Files {
  has(path: string): Promise<boolean>
  readText(path: string, options: { maxBytes: number }): Promise<string | null>
}

/** A file that took part, and how it came in. */
export interface Taken {
  file: string
  as: 'compose-file' | 'include' | 'extends' | 'env-file' | 'variables'
}

/** What the files of one project, those that they include and extend as well, are read with. */
export class Loader {
  readonly budget = new Budget()
  readonly taken = new Map<string, Taken>()
  private readonly parsed = new Map<string, Promise<Mapping[]>>()

  constructor(readonly files: Files) {}

  /** The text of a file. @throws ComposeProblem where there is none, or it is too long. */
  async text(file: string, as: Taken['as'], at: Place): Promise<string> {
    this.budget.spend('files', 1, at)
    const most = as === 'variables' || as === 'env-file' ? limits.dotenvBytes : limits.fileBytes
    const text = file.startsWith('..') ? null : await this.files.readText(file, { maxBytes: most + 1 })
    if (text === null) {
      const outside = file.startsWith('..')
      throw new ComposeProblem(
        `There is no file ${quoted(file)} in the source${outside ? ': it lies outside' : ''}.`,
        at,
      )
    }
    if (Buffer.byteLength(text) > most)
      throw new ComposeProblem(`The file is longer than ${most / 1024} KiB.`, { file })
    if (holdsMarks(text)) throw new ComposeProblem('The file holds characters that no text may hold.', { file })
    if (!this.taken.has(file)) this.taken.set(file, { file, as })
    return text
  }

  /** The variables of an environment file upon those that are known, which win. */
  async variables(file: string, as: Taken['as'], known: Variables, at: Place): Promise<Variables> {
    return known.with(parseDotenv(await this.text(file, as, at), file, known))
  }

  /** The same with the `.env` file of a directory, where there is one. */
  async dotenv(directory: string, known: Variables): Promise<Variables> {
    const file = join(directory, '.env')
    return (await this.files.has(file)) ? this.variables(file, 'variables', known, { file }) : known
  }

  /** The documents of a file with its variables, in the canonical form. */
  async documents(file: string, as: Taken['as'], scope: Scope, at: Place): Promise<Mapping[]> {
    const text = await this.text(file, as, at)
    const known = this.parsed.get(file)
    const parsed = known ?? Promise.resolve().then(() => parseYaml(lines(text), file, this.budget))
    this.parsed.set(file, parsed)
    return (await parsed).map((document) => {
      const filled = interpolate(document, scope.variables)
      checkShape(filled)
      return canonical(filled, scope.directory)
    })
  }
}

/** Carriage returns alone end lines too, for Compose as for old editors. */
const lines = (text: string): string => text.replaceAll(/\r\n?/g, '\n')

/** From where the paths of a file are read, and its variables. */
export interface Scope {
  directory: string
  variables: Variables
  /** The files that are being included, outermost first. */
  including: readonly string[]
}
