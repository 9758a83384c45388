/** Keys that must be added between two changes, so that who adds colliding ones pays for each change with as many. */
const LEAST_ADDED = 256;

/**
 * What a hash table adds to its keys before it hashes them. The hashes are not keyed: who knows them can fill the places around that of somebody else's key, which then has no way to a place of its own.
 * A table that has no place for a key takes another salt, by which the keys lie apart, and is made anew. The order of its rows has nothing to do with it.
 */
export class Salt {
  /** 0 at first. */
  value = 0;
  #changes = 0;
  /** Keys that must be added before the next change. */
  #left = 0;

  /** Told of each key that was added. */
  added(): void {
    if (this.#left > 0) this.#left--;
  }

  /** Takes another value; false where too few keys were added since the last time: these collide whatever the salt. */
  change(): boolean {
    if (this.#left > 0) return false;
    this.#left = LEAST_ADDED;
    this.#changes++;
    this.value = Math.imul(this.#changes, 0x9e3779b1);
    return true;
  }
}
