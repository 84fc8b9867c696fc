/** Calendar arithmetic for review dates and periods: dates as `YYYY-MM-DD`, durations in ISO 8601. */

const parts = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,]\d+)?S)?)?$/;

/** The date of today in UTC, `YYYY-MM-DD`. */
export const today = (): string => new Date().toISOString().slice(0, 10);

/** The last date that has four digits for its year. */
export const lastDate = '9999-12-31';

/**
 * The date that lies `duration` after `date`. Years and months keep the day of the month, or take the last one where
 * there is none (31 January + P1M = 28 or 29 February); a begun day counts whole. Never later than {@link lastDate}.
 */
export function datePlus(date: string, duration: string): string {
  const found = parts.exec(duration);
  if (found === null) throw new RangeError(`not an ISO 8601 duration: ${duration}`);
  const [years, months, weeks, days, hours, minutes, seconds] = found.slice(1).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const [year, month, day] = date.split('-').map(Number) as [number, number, number];
  const target = new Date(Date.UTC(year + years, month - 1 + months, 1));
  const lastDay = new Date(Date.UTC(target.getUTCFullYear(), target.getUTCMonth() + 1, 0)).getUTCDate();
  const wholeDays = days + weeks * 7 + Math.ceil((hours * 3600 + minutes * 60 + seconds) / 86_400);
  target.setUTCDate(Math.min(day, lastDay) + wholeDays);
  if (Number.isNaN(target.getTime()) || target.getUTCFullYear() > 9999) return lastDate;
  return target.toISOString().slice(0, 10);
}
