import type { PackageManager } from './package-manager.js'

/** How a program of the dependencies is called; `top`: one that the root of the workspace depends on. */
export function execOf({ name }: Pick<PackageManager, 'name'>, { top = false } = {}): string[] {
  if (name === 'pnpm') return ['pnpm', 'exec']
  if (name === 'yarn-berry') return top ? ['yarn', 'run', '-T'] : ['yarn', 'run']
  return name === 'bun' ? ['bun', 'run'] : ['npx', '--no-install']
}

const programs = new Set(['node', 'bun', 'deno', 'npm', 'env'])

/** An argv as it is run: programs of dependencies are found by the package manager. */
export const runnable = (argv: readonly string[], manager: Pick<PackageManager, 'name'>): string[] =>
  programs.has(argv[0]!) ? [...argv] : [...execOf(manager), ...argv]
