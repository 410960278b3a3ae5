/** How long a batch is waited for before it counts as hanging. The one clock of the fuzz: it judges nothing else. */
export class Impatience {
  isLost = false;
  /** Resolves when it has taken too long. */
  readonly lost: Promise<void>;
  #timer: NodeJS.Timeout | undefined;

  constructor(patienceMs: number) {
    this.lost = new Promise((resolve) => {
      this.#timer = setTimeout(() => {
        this.isLost = true;
        resolve();
      }, patienceMs);
    });
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
