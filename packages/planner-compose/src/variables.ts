import { limits } from './options.js'
import { ComposeProblem, type Place } from './problem.js'

/**
 * Where the values of `${NAME}` come from, first to last: the profile's variables, the `.env` file of the project, and for an included file
 * its own environment files. The environment of the process is not asked: the same source and profile give the same plan.
 */
export class Variables {
  private constructor(
    private readonly profile: ReadonlySet<string>,
    private readonly files: readonly ReadonlyMap<string, string>[],
    /** Variables without a value and without a default, with the first place that asks for each. */
    readonly unset: Map<string, Place>,
    private readonly used: Set<string>,
    private readonly grown: { characters: number },
  ) {}

  static of(profile: Iterable<string>): Variables {
    return new Variables(new Set(profile), [], new Map(), new Set(), { characters: 0 })
  }

  /** The same with the variables of one more file, which win over nothing that is there already. */
  with(file: ReadonlyMap<string, string>): Variables {
    return new Variables(this.profile, [...this.files, file], this.unset, this.used, this.grown)
  }

  /** Counts what a value adds to the texts: each line of a file may double the one before. */
  spend(value: string, at: Place): string {
    this.grown.characters += value.length
    if (this.grown.characters <= limits.substituted) return value
    throw new ComposeProblem(`Variables are replaced by more than ${limits.substituted} characters.`, at)
  }

  /**
   * A value, or undefined. The values of the profile are not known to a planner: a mark stands for one, which counts as set and not empty,
   * and makes opaque what it becomes a part of.
   */
  get(name: string): string | undefined {
    if (this.profile.has(name)) {
      this.used.add(name)
      return `${open}${name}${close}`
    }
    return this.files.find((file) => file.has(name))?.get(name)
  }

  /** The variables of the profile that the files ask for. */
  get fromProfile(): string[] {
    return [...this.used].sort()
  }
}

// Two characters that Unicode keeps free for such uses: a file that holds them is refused.
const open = '\uFDD0'
const close = '\uFDD1'

/** Does the text hold the value of a variable of the profile, which only the target will know? */
export const isOpaque = (text: string): boolean => text.includes(open)
/** The text for people: `${NAME}` for what is not known. */
export const shown = (text: string): string => text.replaceAll(open, '${').replaceAll(close, '}')
export const holdsMarks = (text: string): boolean => text.includes(open) || text.includes(close)
