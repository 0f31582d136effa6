/** ISO 8601 in UTC, as every record and event carries it. */
export const isoTime = (milliseconds: number): string => new Date(milliseconds).toISOString()
