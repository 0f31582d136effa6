import { defineConfig } from 'vitest/config'

// Workspace packages resolve to their sources: no build is needed before a test.
const resolve = { conditions: ['@appaloft/source', 'module', 'node', 'development|production'] }
const at = (ending: string) => [
  `packages/*/src/**/*${ending}`,
  `examples/*/*${ending}`,
  `examples/*/{src,test}/**/*${ending}`,
  `scripts/**/*${ending}`,
]
/** What is waited for comes late where much else is going on; vitest's own second is for nothing but itself. */
const patient = { poll: { timeout: 20_000 } }
const never = ['**/node_modules/**', '**/dist/**']

export default defineConfig({
  test: {
    projects: [
      {
        ssr: { resolve },
        test: {
          name: 'unit',
          expect: patient,
          include: at('.test.ts'),
          exclude: [...never, '**/*.int.test.ts', '**/*.soak.test.ts', '**/*.frameworks.test.ts'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        ssr: { resolve },
        test: {
          name: 'int',
          expect: patient,
          include: at('.int.test.ts'),
          exclude: never,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
      {
        ssr: { resolve },
        test: {
          name: 'soak',
          expect: patient,
          include: at('.soak.test.ts'),
          exclude: never,
          testTimeout: 3_600_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
      {
        ssr: { resolve },
        test: {
          name: 'frameworks',
          include: at('.frameworks.test.ts'),
          exclude: never,
          testTimeout: 1_800_000,
          hookTimeout: 120_000,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
})
