import type { Address, Route, RouteTable, UpstreamSet } from '@appaloft/core/spec'

// By hand, not with the contract's schemas: they would load zod into the daemon. Clients parse with the schemas before they ask.

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const isText = (value: unknown): value is string => typeof value === 'string'
/** What may become part of a header: visible ASCII. */
const isPlain = (value: unknown): value is string => isText(value) && /^[!-~]+$/.test(value)

export const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

const isAddress = (value: unknown): value is Address =>
  isObject(value) &&
  (value.kind === 'unix'
    ? isText(value.path)
    : value.kind === 'tcp' && isText(value.host) && isWhole(value.port) && value.port > 0 && value.port < 65_536)

const isUpstreamSet = (value: unknown): value is UpstreamSet =>
  isObject(value) &&
  isPlain(value.deploymentId) &&
  isText(value.releaseId) &&
  Array.isArray(value.addresses) &&
  value.addresses.length > 0 &&
  value.addresses.every(isAddress)

const isRoute = (value: unknown): value is Route =>
  isObject(value) &&
  (value.hostname === null || isPlain(value.hostname)) &&
  isPlain(value.pathPrefix) &&
  value.pathPrefix.startsWith('/') &&
  (value.pathHandling === 'preserve' || value.pathHandling === 'strip') &&
  (value.redirectTo === null || isPlain(value.redirectTo)) &&
  (value.tls === 'auto' || value.tls === 'off')

const isVerify = (value: unknown): boolean =>
  isObject(value) && isText(value.token) && /^[a-z0-9]{32,64}$/.test(value.token) && isText(value.deploymentId)

export const isRouteTable = (value: unknown): value is RouteTable =>
  isObject(value) &&
  Array.isArray(value.routes) &&
  value.routes.every(isRoute) &&
  (value.live === null || isUpstreamSet(value.live)) &&
  (value.staged === null || isUpstreamSet(value.staged)) &&
  (value.verify === null || isVerify(value.verify)) &&
  (value.identity === 'always' || value.identity === 'verified')
