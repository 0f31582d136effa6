import { AppaloftError } from '@appaloft/core/spec'
import { EngineError, failure } from '../api/client.js'
import { readFrames } from '../api/frames.js'
import { tidying } from '../containers/remove.js'
import { checkMark } from '../marks.js'
import { label } from '../names.js'
import { argvOf, composeLabels, containerFields, hostFields } from './body.js'
import type { Service } from './model.js'
import { connectAll, firstNetwork, putFiles, type Stage, shapeOf, startNamed } from './services.js'
import { ended } from './waiting.js'

/** Runs a service to its end. Nothing of it stays; what it did is not undone. Errors: `compose-service-failed`. */
export async function runOnce(stage: Stage, name: string, service: Service): Promise<void> {
  const { parts, input, bundle } = stage
  const { engine, names } = parts
  const { signal, log } = input
  const shape = await shapeOf(stage, name, service)
  const argv = argvOf(shape.service, shape.image)
  const called = names.container(input, `once-${name}`, input.token)
  const nameless = () => []
  const [first] = Object.keys(shape.service.networks)
  await engine.remove(called, { signal }).catch((error: unknown) => {
    if (!(error instanceof EngineError)) throw error
  })
  try {
    await engine.create(
      called,
      {
        ...containerFields(shape),
        Image: shape.image.Id,
        ...(argv === null ? {} : { Entrypoint: argv.slice(0, 1), Cmd: argv.slice(1) }),
        Env: Object.entries(shape.service.environment).map(([key, value]) => `${key}=${value}`),
        Labels: { ...composeLabels(shape), ...names.labels(input, 'command', { [label.service]: name }) },
        HostConfig: {
          ...hostFields(shape),
          RestartPolicy: { Name: 'no' },
          NetworkMode: shape.service.network_mode ?? (first === undefined ? 'default' : stage.networks.get(first)),
        },
        ...firstNetwork(stage, name, shape.service, nameless),
      },
      { signal },
    )
    await checkMark(engine, names, input.resourceId, input.token, signal)
    await connectAll(stage, called, name, shape.service, nameless)
    await putFiles(parts, input, called, bundle, shape.service)
    await startNamed(parts, input, called)
    const output = await engine.logs(called, { follow: true }, { signal })
    await readFrames(output, ({ stream, text }) => log({ stream, text: `${name}: ${text}` }))
    for (;;) {
      signal.throwIfAborted()
      const container = await engine.container(called, { signal })
      if (container === null)
        throw new AppaloftError('compose-service-failed', { message: `The container of the service ${name} is gone.` })
      const { Status: status, ExitCode: exitCode } = container.State
      if (status === 'exited' || status === 'dead') {
        if (exitCode === 0) return
        throw await ended(engine, name, container)
      }
      // The stream of a log ends a moment before the end is written down.
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } catch (error) {
    // Also where the stream of its output was cut.
    throw failure(error, signal)
  } finally {
    await engine.remove(called, tidying()).catch(() => undefined)
  }
}
