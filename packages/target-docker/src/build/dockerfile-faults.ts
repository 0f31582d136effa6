interface Fault {
  message: string
  recoveryHint: string
  profileField: string
}

/** Why a step of the user's own Dockerfile failed, with the setting to change. */
export function dockerfileFault({
  step,
  lines,
  error,
  message,
}: {
  step: string
  lines: readonly string[]
  error: string
  message: string
}): Fault {
  const secret = /secret (\S+?):? not found/.exec(error)?.[1]
  if (secret !== undefined)
    return {
      message: `The Dockerfile needs the secret ${secret}, which the build does not have.`,
      recoveryHint: `Add ${secret} to environment as a secret with the scope build.`,
      profileField: 'environment',
    }
  const file = /failed to (?:compute cache key|calculate checksum of ref)[^"]*"([^"]+)":? not found/.exec(error)?.[1]
  if (file !== undefined)
    return {
      message: `${step} copies ${file}, which is not there.`,
      recoveryHint: `Write ${file} before it is copied, or mend that line of the Dockerfile (runtime.dockerfilePath).`,
      profileField: 'runtime.dockerfilePath',
    }
  const argument = missingArgument(step, lines)
  if (argument !== null)
    return {
      message,
      recoveryHint: `Give ${argument} in runtime.buildArgs, if the step needs it.`,
      profileField: 'runtime.buildArgs',
    }
  return {
    message,
    recoveryHint: 'Read the last log lines, and mend that step of the Dockerfile (runtime.dockerfilePath).',
    profileField: 'runtime.dockerfilePath',
  }
}

/** A variable that the step uses, and of which it says that it has no value. */
function missingArgument(step: string, lines: readonly string[]): string | null {
  const used = new Set([...step.matchAll(/\$\{?([A-Za-z_]\w*)/g)].map(([, name]) => name))
  for (const line of lines) {
    if (!/not set|unset|missing|required|empty|not defined|no value/i.test(line)) continue
    const named = [...line.matchAll(/[A-Za-z_]\w*/g)].map(([name]) => name).find((name) => used.has(name))
    if (named !== undefined) return named
  }
  return null
}
