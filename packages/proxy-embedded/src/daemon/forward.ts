import type http from 'node:http'
import { answer } from './answer.js'
import { decide, type Plane, type Scope } from './decide.js'
import { Exchange } from './exchange.js'
import { readRequest } from './headers.js'

const ignore = () => {}

export function forward(
  plane: Plane,
  scope: Scope,
  req: http.IncomingMessage,
  res: http.ServerResponse,
  waitsForContinue: boolean,
): void {
  res.on('error', ignore)
  if (plane.closing) res.shouldKeepAlive = false
  const head = readRequest(req.rawHeaders)
  const decision = decide(plane, scope, head, req.url!)
  if (decision.kind === 'answer') answer(res, decision)
  else new Exchange(plane, scope, req, res, head, waitsForContinue).begin(decision)
}
