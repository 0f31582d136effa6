/*
 * Dependencies are installed from the manifests alone, so that the layer that holds them is used again as long as these are the same. What an install
 * script needs beside them cannot be known: where there is one, all files stay.
 */

/** Run by Node in the image, in the copied tree: leaves what the install needs. */
export const keepManifests = [
  "const fs = require('node:fs'), path = require('node:path')",
  'const keep = /^(package\\.json|package-lock\\.json|npm-shrinkwrap\\.json|pnpm-lock\\.yaml|pnpm-workspace\\.yaml|\\.pnpmfile\\.cjs|yarn\\.lock|\\.yarnrc|\\.yarnrc\\.yml|bun\\.lockb?|bunfig\\.toml|lerna\\.json|\\.npmrc)$/',
  "const folders = ['.yarn', 'patches', 'vendor']",
  "const hooks = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare']",
  'const files = [], seen = []',
  'let whole = false',
  "const walk = (at) => { for (const entry of fs.readdirSync(at, { withFileTypes: true })) { const file = path.join(at, entry.name); if (entry.isDirectory()) { if (entry.name !== 'node_modules' && !folders.includes(file)) { walk(file); seen.push(file) } } else if (!keep.test(entry.name)) files.push(file); else if (entry.name === 'package.json') look(file) } }",
  "const look = (file) => { try { const { scripts = {}, dependencies = {}, devDependencies = {}, optionalDependencies = {} } = JSON.parse(fs.readFileSync(file, 'utf8')); const local = Object.values({ ...dependencies, ...devDependencies, ...optionalDependencies }).some((one) => /^(file|link|portal|patch):|^[.~]?\\//.test(String(one))); if (local || hooks.some((name) => scripts[name] !== undefined)) whole = true } catch { whole = true } }",
  "walk('.')",
  'if (!whole) { for (const file of files) fs.rmSync(file, { force: true }); for (const folder of seen) { try { fs.rmdirSync(folder) } catch {} } }',
].join('\n')
