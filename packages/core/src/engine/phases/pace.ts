/** A process that was just started is asked often; one that takes its time, a little less: by how long it has taken so far. */
const soonestMs = 5
const startPeriodMs = 50
export const pauseOf = (elapsedMs: number): number => Math.min(startPeriodMs, Math.max(soonestMs, elapsedMs / 20))

/** While it is asked in short intervals, its process is looked at so often: that is work for the machine on which it starts. */
export const lookMs = 40
