import { defineConfig, type Options } from 'tsup'

/** The one build configuration: ESM for Node 20, declarations come from `tsc -b`. */
const shared: Options = {
  format: 'esm',
  target: 'node20',
  platform: 'node',
  dts: false,
  sourcemap: true,
  // `dist` also holds the declarations: scripts/build.mjs removes what a build left behind.
  clean: false,
  // Built-ins that exist only with the prefix (`node:test`, `node:sqlite`) would break without it.
  removeNodeProtocol: false,
}

/** A library: dependencies stay imports, but for those named in `inlined`. Entries by output name. */
export const library = (entry: Record<string, string>, inlined: string[] = []) =>
  defineConfig({ ...shared, entry, noExternal: inlined })

/** A library and, beside it, programs that each are one self-contained file with every dependency inlined. */
export const libraryWithPrograms = (entry: Record<string, string>, programs: Record<string, string>) =>
  defineConfig([
    { ...shared, entry },
    {
      ...shared,
      entry: programs,
      splitting: false,
      noExternal: [/.*/],
      // CommonJS dependencies call `require('node:…')`, which an ES module does not have.
      banner: {
        js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
      },
      // Siblings are read from their sources, so that packages may be built in any order.
      esbuildOptions: (options) => {
        options.conditions = ['@appaloft/source']
      },
    },
  ])
