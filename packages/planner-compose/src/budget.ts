import { limits } from './options.js'
import { ComposeProblem, type Place } from './problem.js'

/** What one project may cost. Each amount is spent at the place that costs it, so that a message can name it. */
export class Budget {
  private readonly spent = { files: 0, tokens: 0, nodes: 0, ports: 0 }

  spend(what: keyof Budget['spent'], amount: number, at: Place): void {
    this.spent[what] += amount
    if (this.spent[what] <= limits[what]) return
    throw new ComposeProblem(texts[what], at)
  }
}

const texts = {
  files: `More than ${limits.files} files are read for this project.`,
  tokens: `The Compose files are too long (more than ${limits.tokens} tokens of YAML).`,
  nodes: `The project grows beyond ${limits.nodes} values: aliases, extends or include multiply it.`,
  ports: `The ranges of ports stand for more than ${limits.ports} ports.`,
} as const
