/** What a script may rely on. The README's table is checked against this one. */
export const exitCodes = {
  success: 0,
  failure: 1,
  usage: 2,
  blocked: 3,
  notFound: 4,
  internal: 70,
  hangup: 129,
  interrupted: 130,
  terminated: 143,
} as const

export type ExitCode = number

export const exitCodeMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [exitCodes.success, 'success'],
  [exitCodes.failure, 'the deployment did not succeed, or the command could not do what it was asked'],
  [exitCodes.usage, 'wrong flag, invalid input or invalid configuration'],
  [exitCodes.blocked, 'the plan is blocked: the source or a profile must change first'],
  [exitCodes.notFound, 'there is no such resource, deployment, release or target'],
  [exitCodes.internal, 'an error inside Appaloft'],
  [exitCodes.hangup, 'the terminal was closed while nothing but output was left to do'],
  [exitCodes.interrupted, 'canceled by SIGINT (Ctrl-C)'],
  [exitCodes.terminated, 'canceled by SIGTERM'],
]
