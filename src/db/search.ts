/** How words are made alike for the search: case and accents do not count. */

/** Lower case, without accents; ligatures and letters with a stroke as they are commonly typed. */
export function folded(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[ßœæøłđ]/g, (letter) => spelled[letter] ?? letter);
}

const spelled: Readonly<Record<string, string>> = { ß: 'ss', œ: 'oe', æ: 'ae', ø: 'o', ł: 'l', đ: 'd' };

/** The words of a text, folded. What is between letters and digits parts words, in a query as in what it looks for. */
export function searchWords(text: string): string[] {
  return folded(text).match(/[\p{L}\p{N}]+/gu) ?? [];
}

/**
 * A query for `to_tsquery('simple', …)`: every word must occur, the beginning of a word suffices. Undefined when the
 * text has no word.
 */
export function searchQuery(text: string): string | undefined {
  const words = searchWords(text).slice(0, 20);
  return words.length === 0 ? undefined : words.map((word) => `${word}:*`).join(' & ');
}
