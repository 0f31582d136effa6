import { spawn } from 'node:child_process'
import { setPriority } from 'node:os'

/**
 * Runs a program with its output streamed, or kept when `capture` is set; answers its exit code and what it kept. `aside`: what else runs comes
 * before it.
 */
export const run = (file, args, { cwd, env, capture = false, aside = false } = {}) =>
  new Promise((resolve) => {
    const stdio = capture ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit']
    const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio })
    if (aside && child.pid !== undefined) setPriority(child.pid, 10)
    let stdout = ''
    let output = ''
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout += text
      output += text
    })
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      output += text
    })
    child.on('error', (error) => resolve({ code: 127, stdout, output: `${output}${error.message}\n` }))
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, output }))
  })

/** Calls `work` on each item, `width` at a time; answers in the order of the items. */
export const inParallel = async (items, width, work) => {
  const results = []
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const index = next++
      results[index] = await work(items[index])
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
  return results
}
