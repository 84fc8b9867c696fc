/**
 * What all reference facts have in common. Facts are data with a source and dates, judged at a date that the
 * caller names, so that a register of the past is judged by what held then.
 */

/** Version of the reference facts as a whole; changes whenever a fact changes. */
export const factsVersion = '2026-11-22.1';

/** The day up to which the facts were looked up. */
export const asOf: IsoDate = '2026-11-22';

/** A calendar day, `YYYY-MM-DD`. Such days compare as text. */
export type IsoDate = string;

/** Where facts were read. */
export interface Source {
  readonly title: string;
  readonly url?: string;
  /**
   * `official`: the body that made the fact; `vendor`: a page of the vendor's, or a copy; `publicDataSet`;
   * `secondary`: somebody who reports it; `memory`: written down without a source at hand, to be confirmed.
   */
  readonly kind: 'official' | 'vendor' | 'publicDataSet' | 'secondary' | 'memory';
  /** When it was read; for `memory`, when it was written down. */
  readonly seenOn: IsoDate;
}

/** Named sources of a file; its facts refer to them by these names. */
export type Sources = Readonly<Record<string, Source>>;

/** The text that grounds and mechanisms are taken from, and its first day of application. */
export const gdpr: Source & { readonly validFrom: IsoDate } = {
  title: 'Regulation (EU) 2016/679, OJ L 119, 4.5.2016, read in the copy of GDPRtEXT',
  url: 'https://eur-lex.europa.eu/eli/reg/2016/679/oj',
  kind: 'publicDataSet',
  seenOn: '2026-11-22',
  validFrom: '2018-05-25',
};

/** A time in which something held: both days included, without `to` still holding. */
export interface Period {
  readonly from: IsoDate;
  readonly to?: IsoDate;
}

/** Whether the day lies in one of the periods. */
export function holdsOn(periods: readonly Period[] | undefined, on: IsoDate): boolean {
  return periods?.some(({ from, to }) => from <= on && (to === undefined || on <= to)) ?? false;
}
