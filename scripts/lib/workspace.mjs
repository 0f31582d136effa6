import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

export const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'))

/** The packages of this repository: folder and manifest. */
export const packages = () =>
  readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .filter((folder) => existsSync(join(folder, 'package.json')))
    .map((folder) => ({ folder, manifest: readJson(join(folder, 'package.json')) }))

/** The program of an installed dependency, run with `process.execPath`. */
export const bin = (name, command = name) => {
  const folder = join(root, 'node_modules', name)
  const field = readJson(join(folder, 'package.json')).bin
  return join(folder, typeof field === 'string' ? field : field[command])
}

/** Every file below a folder. */
export const filesBelow = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
    : []
