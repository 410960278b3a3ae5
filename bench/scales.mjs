// How large and how often: the full run, a minute's look, and a run that only proves that everything runs.

/**
 * `rounds` of a contender, or `slowRounds` of one whose `pace` is below `slow_pace`, or `longRounds` where one batch has
 * `longBatchEvents` or more. `sample_s`: CPU time that one sample shall take. `warmUp_s`, across threads `threadWarmUp_s`:
 * CPU time before it, within bounds, so that what is measured is optimised code: a server has run for longer. A contender
 * whose single batch takes longer than `longBatch_s` gets one round; one that takes longer than `batch_s` is left out, and
 * the table says so. `sizes`: deltas of a stream, and streams side by side. `slowIdleStreams`: the most idle streams of a
 * slow contender, whose heap would be gigabytes.
 */
export const scales = {
  full: {
    rounds: 3,
    slowRounds: 2,
    longRounds: 1,
    sample_s: 0.4,
    longBatch_s: 4,
    batch_s: 12,
    warmUp_s: 2,
    warmUpEventsMax: 2_000_000,
    threadWarmUp_s: 1,
    calls: 5_000,
    warmUpCallsMax: 50_000,
    loads: 9,
    wakes: 20_000,
    idleStreams: 10_000,
    slowIdleStreams: 1_000,
    memoryRounds: 2,
    sizes: { 1000: [1, 100, 1_000, 10_000], 100: [1, 100, 1_000, 10_000] },
    threadSizes: { 1000: [1, 100, 1_000, 10_000], 100: [1, 100, 1_000, 10_000] },
    threadRounds: 2,
  },
  quick: {
    rounds: 1,
    slowRounds: 1,
    longRounds: 1,
    sample_s: 0.1,
    longBatch_s: 1,
    batch_s: 1.2,
    warmUp_s: 0.2,
    threadWarmUp_s: 0.2,
    warmUpEventsMax: 200_000,
    calls: 2_000,
    warmUpCallsMax: 10_000,
    loads: 2,
    wakes: 5_000,
    idleStreams: 10_000,
    slowIdleStreams: 500,
    memoryRounds: 1,
    sizes: { 1000: [1, 100], 100: [1, 1_000, 10_000] },
    threadSizes: { 100: [100] },
    threadRounds: 1,
  },
  smoke: {
    rounds: 1,
    slowRounds: 1,
    longRounds: 1,
    sample_s: 0.0001,
    longBatch_s: 1,
    batch_s: 1,
    warmUp_s: 0.0001,
    threadWarmUp_s: 0.0001,
    warmUpEventsMax: 10,
    calls: 3,
    warmUpCallsMax: 1,
    loads: 1,
    wakes: 3,
    idleStreams: 3,
    slowIdleStreams: 3,
    memoryRounds: 1,
    sizes: { 10: [1, 4] },
    threadSizes: { 10: [2] },
    threadRounds: 1,
  },
};

/** Below this pace a contender gets fewer rounds. */
export const slow_pace = 100_000;
/** From here on one batch takes so long that its samples are steady: fewer rounds do. */
export const longBatchEvents = 5_000_000;
