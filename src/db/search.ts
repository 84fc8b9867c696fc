/** How words are made alike for the search: case and accents do not count. */
import { createHash } from 'node:crypto';

/** Lower case, without accents; ligatures and letters with a stroke as they are commonly typed. */
export function folded(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[ßœæøłđ]/g, (letter) => spelled[letter] ?? letter);
}

const spelled: Readonly<Record<string, string>> = { ß: 'ss', œ: 'oe', æ: 'ae', ø: 'o', ł: 'l', đ: 'd' };

/** Beyond this, letters of a word do not count: PostgreSQL keeps no lexeme of 2 KiB. */
const longestWord = 100;

/**
 * The words of a text, folded and cut. What is between letters and digits parts words, in a query as in what it looks
 * for.
 */
export function searchWords(text: string): string[] {
  return (folded(text).match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => [...word].slice(0, longestWord).join(''));
}

/**
 * What stands before each word of a resource of this type and tenant in the index of words, which all tenants share: a
 * search so reads the entries of its own tenant and type only. Two that have the same by chance lose time, no secrets.
 */
export function searchPrefix(tenant: string, type: string): string {
  return createHash('sha256').update(`${tenant} ${type}`).digest('hex').slice(0, 8);
}

/**
 * A `tsquery`: every word must occur, the beginning of a word suffices. Undefined when the text has no word.
 *
 * @param prefix as {@link searchPrefix} gives it
 */
export function searchQuery(text: string, prefix = ''): string | undefined {
  const words = searchWords(text).slice(0, 20);
  return words.length === 0 ? undefined : words.map((word) => `${prefix}${word}:*`).join(' & ');
}
