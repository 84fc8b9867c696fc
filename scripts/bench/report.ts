/** What was measured, against what it is to reach. */

export const works = [
  'read',
  'page',
  'create',
  'exportJson',
  'exportNdjson',
  'asOf',
  'coldStart',
  'idleMemory',
] as const;
export type Work = (typeof works)[number];

export type Contestant = 'service' | 'handWritten' | 'limit';

/** One figure: a work of a size by a contestant. `runs` are all values, of which the median counts. */
export interface Result {
  readonly work: Work;
  /** Activities in the tenant. */
  readonly size: number;
  readonly contestant: Contestant;
  readonly unit: 'perSecond' | 'seconds' | 'megabytes';
  readonly median: number;
  readonly runs: readonly number[];
}

/** A line of the table beside the results: another limit of the same work, or another side of it. */
export interface Remark extends Omit<Result, 'work'> {
  readonly work: string;
}

interface Bar {
  readonly against?: Exclude<Contestant, 'service'>;
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** What the service is to reach: a ratio to another contestant, or a figure of its own. */
const bars: Readonly<Record<string, Bar>> = {
  read: { against: 'handWritten', atLeast: 1.5 },
  page: { against: 'handWritten', atLeast: 6 },
  create: { against: 'handWritten', atLeast: 1 },
  exportJson: { against: 'handWritten', atMost: 0.4 },
  exportNdjson: { against: 'limit', atMost: 2 },
  asOf: { against: 'limit', atMost: 1.2 },
  coldStart: { atMost: 1 },
  idleMemory: { atMost: 130 },
  'exportJson, first byte': { atMost: 0.1 },
  'exportJson, memory above idle': { atMost: 100 },
};

export function medianOf(runs: readonly number[]): number {
  const sorted = [...runs].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Works by size and contestant, the service's lines with ratio and bar. */
export function tableOf(results: readonly Result[], remarks: readonly Remark[]): string {
  const all: Remark[] = [...results, ...remarks];
  const order = [...new Set(all.map(({ work }) => work))].sort((a, b) => place(a) - place(b));
  const rows: string[][] = [['work', 'size', 'contestant', 'median', 'unit', 'runs', 'ratio', 'bar', '']];
  for (const work of order) {
    const ofWork = all.filter((each) => each.work === work);
    for (const size of [...new Set(ofWork.map((each) => each.size))].sort((a, b) => a - b)) {
      const ofSize = ofWork.filter((each) => each.size === size);
      for (const each of ofSize) rows.push([...columnsOf(each), ...judgement(each, ofSize)]);
    }
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const numeric = new Set([1, 3, 6]);
  return rows
    .map((row) =>
      row
        .map((cell, column) => (numeric.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const place = (work: string) => works.findIndex((each) => work.startsWith(each)) + (work.includes(',') ? 0.5 : 0);

function columnsOf({ work, size, contestant, median, unit, runs }: Remark): string[] {
  return [work, grouped(size), contestant, figure(median), unit, runs.map(figure).join(' ')];
}

function judgement(each: Remark, ofSize: readonly Remark[]): string[] {
  const bar = bars[each.work];
  if (each.contestant !== 'service' || bar === undefined) return ['', '', ''];
  const other = ofSize.find(({ contestant }) => contestant === bar.against);
  if (bar.against !== undefined && other === undefined) return ['', '', `${bar.against} not available`];
  const value = other === undefined ? each.median : each.median / other.median;
  const reached = value >= (bar.atLeast ?? 0) && value <= (bar.atMost ?? Number.POSITIVE_INFINITY);
  const ratio = other === undefined ? '' : `${value.toFixed(2)} ×`;
  const wanted = bar.atLeast === undefined ? `≤ ${bar.atMost}` : `≥ ${bar.atLeast}`;
  return [ratio, `${wanted}${other === undefined ? '' : ` × ${bar.against}`}`, reached ? 'reached' : 'MISSED'];
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toPrecision(3);
}

/** How the cost of one request, or of one activity of an export, changes when the register grows tenfold. */
export function growthOf(results: readonly Result[]): string[] {
  const cost = ({ unit, median, size }: Result) => (unit === 'perSecond' ? 1 / median : median / size);
  const line = (what: string, smaller: Result, larger: Result) => {
    const percent = (cost(larger) / cost(smaller) - 1) * 100;
    return `${what}: cost per unit ${percent >= 0 ? '+' : ''}${percent.toFixed(0)} %`;
  };
  const ofService = (work: Work) =>
    results.filter((each) => each.work === work && each.contestant === 'service').sort((a, b) => a.size - b.size);
  const lines = (['read', 'page', 'create', 'exportJson', 'exportNdjson'] as const).flatMap((work) => {
    const sizes = ofService(work);
    return sizes.slice(1).map((larger, i) => {
      const smaller = sizes[i]!;
      return line(`${work}, ${grouped(smaller.size)} → ${grouped(larger.size)} activities`, smaller, larger);
    });
  });
  // The limit of `asOf` is the same register now: what nine versions more in the log cost it.
  const now = results.find(({ work, contestant }) => work === 'asOf' && contestant === 'limit');
  const once = ofService('exportJson').find(({ size }) => size === now?.size);
  return now === undefined || once === undefined
    ? lines
    : [...lines, line(`exportJson of ${grouped(now.size)}, 1 → 10 versions of each activity`, once, now)];
}

const grouped = (count: number) => count.toLocaleString('en');

/** The file of `--json`. */
export function jsonOf(results: readonly Result[]): string {
  const plain = results.map(({ work, size, contestant, unit, median, runs }) => ({
    work,
    size,
    contestant,
    unit,
    median,
    runs,
  }));
  return `${JSON.stringify({ results: plain }, null, 2)}\n`;
}
