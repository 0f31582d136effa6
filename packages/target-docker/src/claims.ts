import type { Engine } from './api/engine.js'
import { label } from './names.js'

export type Volume = Awaited<ReturnType<Engine['volumes']>>[number]

/** A fence that was raised. */
export interface Claim {
  name: string
  token: number
  owner: string
}

/** What is said of the lease of a fence. */
export interface Sign extends Claim {
  kind: string
  beats: number
}

const claimIn = ({ Name: name, Labels: labels }: Volume): Claim => ({
  name,
  token: Number(labels[label.token]),
  owner: labels[label.owner] ?? '',
})

const ofRole = (volumes: readonly Volume[], role: 'fence' | 'lease') =>
  volumes.filter(({ Labels: labels }) => labels[label.role] === role)

/** Fences among volumes, the highest first. */
export const claimsAmong = (volumes: readonly Volume[]): Claim[] =>
  ofRole(volumes, 'fence')
    .map(claimIn)
    .filter((one) => Number.isSafeInteger(one.token))
    .sort((a, b) => b.token - a.token)

export const signsAmong = (volumes: readonly Volume[]): Sign[] =>
  ofRole(volumes, 'lease').map((volume) => ({
    ...claimIn(volume),
    kind: volume.Labels[label.lease] ?? '',
    beats: Number(volume.Labels[label.beats] ?? 0),
  }))
