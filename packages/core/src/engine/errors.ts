import { AppaloftError } from '../spec/errors.js'

/** Any thrown value as an error of ours. */
export const toAppaloftError = (error: unknown): AppaloftError =>
  AppaloftError.isInstance(error)
    ? error
    : new AppaloftError('internal-error', {
        message: error instanceof Error ? error.message : String(error),
        cause: error,
      })

/** Thrown inside an attempt when its leases belong to someone else: it stops without another effect. */
export const isLost = (error: unknown): boolean =>
  AppaloftError.isInstance(error) && (error.code === 'lease-lost' || error.code === 'fenced')

export const canceled = (): AppaloftError => new AppaloftError('canceled')

export const supersededBy = (deploymentId: string): AppaloftError =>
  new AppaloftError('superseded', {
    message: `The newer deployment ${deploymentId} took over.`,
    details: { deploymentId },
  })
