import type { Files, Look } from './files.js'

/** Files that know what was seen last in each folder. It may be another thing by now: only a step that expects it can tell. */
export interface Remembering extends Files {
  /** Null: nothing was seen yet. */
  last(folder: string): Look | null
}

export function remembering(files: Files): Remembering {
  const known = new Map<string, { seen: Look; at: number }>()
  let count = 0
  /** A look that was begun before a change ended says nothing about what came after. */
  const keep = (folder: string, seen: Look, at: number) => {
    if ((known.get(folder)?.at ?? 0) < at) known.set(folder, { seen, at })
  }
  return {
    last: (folder) => known.get(folder)?.seen ?? null,
    async look(folder, only) {
      const at = ++count
      const seen = await files.look(folder, only)
      if (only === undefined) keep(folder, seen, at)
      return seen
    },
    async change(folder, steps) {
      const changed = await files.change(folder, steps)
      keep(folder, changed, ++count)
      return changed
    },
  }
}
