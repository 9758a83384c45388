/** Numbers for words of which there are few: a name for each value of a field of two bytes at most, so that 16 bits hold them all. */
export class Words {
  #texts: string[] = [];
  #numbers = new Map<string, number>();
  #latest = '';
  #latestNumber = -1;

  /** The word's number, 0 to 65,535. */
  number(word: string): number {
    // The same word again is the rule.
    if (word === this.#latest && this.#latestNumber >= 0) return this.#latestNumber;
    let number = this.#numbers.get(word);
    if (number === undefined) {
      number = this.#texts.push(word) - 1;
      this.#numbers.set(word, number);
    }
    this.#latest = word;
    this.#latestNumber = number;
    return number;
  }

  /** The word that has this number; the empty one for a number that `number` never gave. */
  text(number: number): string {
    return this.#texts[number] ?? '';
  }
}
