import type { ProbeReport } from '@appaloft/core/spec'

export type Finding = ProbeReport['checks'][number]

export const passed = (id: string, message: string): Finding => ({ id, status: 'passed', message })
export const warning = (id: string, message: string, fix: string): Finding => ({ id, status: 'warning', message, fix })
export const failed = (id: string, message: string, fix: string): Finding => ({ id, status: 'failed', message, fix })

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
