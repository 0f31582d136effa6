import { writeFileSync } from 'node:fs'

/** A reporter of vitest: writes the errors outside of any test where the environment says, so that a summary can name them. */
export default class Outside {
  onTestRunEnd(_modules, errors) {
    const file = process.env.APPALOFT_OUTSIDE_ERRORS
    if (file === undefined || errors.length === 0) return
    const told = errors.map(({ name, message, stack = '' }) => {
      const at = stack.split('\n').find((line) => /\.test\.ts|packages\//.test(line)) ?? ''
      return `outside of any test: ${name}: ${String(message).split('\n')[0]} ${at.trim()}`.trim()
    })
    writeFileSync(file, JSON.stringify(told))
  }
}
