// Everything of a deployment that goes to the other machine, with begin and end, and which of it waited for which.
import { since } from '../measure.mjs'

/** `calls`: where the tracer of HTTP calls puts its own. */
export function tracedHost(host, tell) {
  const timed = async (text, work) => {
    const began = performance.now()
    try {
      return await work()
    } finally {
      tell({ began, text: text(), took: since(began) })
    }
  }
  const named = (argv) => argv.map((one) => (one.includes('\n') ? '…' : one)).join(' ')
  return {
    ...host,
    exec: (argv, options) =>
      timed(
        () => `exec ${named(argv).slice(0, 90)}`,
        () => host.exec(argv, options),
      ),
    forward: (remote, options) =>
      timed(
        () => `forward ${remote.path ?? remote.port}`,
        () => host.forward(remote, options),
      ),
  }
}

/** Backwards from what ended last: each the last that had ended when the next began. */
export function critical(calls) {
  const chain = []
  let before = Number.POSITIVE_INFINITY
  for (;;) {
    // One that took no time has ended, and begun, before its own begin.
    const [last] = calls
      .filter((one) => one.at + one.took <= before && !chain.includes(one))
      .sort((a, b) => b.at + b.took - a.at - a.took)
    if (last === undefined) return chain.reverse()
    chain.push(last)
    before = last.at + 0.5
  }
}
