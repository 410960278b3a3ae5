/** Counts the turns of the event loop while programs run: how late something comes, without a clock. */
let turns = 0;

export function currentTurn(): number {
  return turns;
}

/** Counts until it is told to stop. */
export function countTurns(): () => void {
  let isCounting = true;
  const count = () => {
    turns += 1;
    if (isCounting) setImmediate(count);
  };
  setImmediate(count);
  return () => {
    isCounting = false;
  };
}
