import type { PackageManager } from './package-manager.js'

/** How a program of the dependencies is called; `top`: one that the root of the workspace depends on. */
export function execOf({ name }: Pick<PackageManager, 'name'>, { top = false } = {}): string[] {
  if (name === 'pnpm') return ['pnpm', 'exec']
  if (name === 'yarn-berry') return top ? ['yarn', 'run', '-T'] : ['yarn', 'run']
  return name === 'bun' ? ['bun', 'run'] : ['npx', '--no-install']
}
