// Whether what the process holds stays the same while it works. Pure: samples in, judgement out.

/** The part of the time that is warm-up: logs fill, pools grow, the allocator finds its size. */
const warm_up_share = 1 / 2;
/** Fewer samples than this in each of the two spans that are compared say nothing. */
const span_samples_min = 5;
const MiB = 2 ** 20;

/** How much the median may grow from the first third after warm-up to the last: a share of it, and a fixed amount. */
export const bounds = {
  rss: { share: 0.03, fixed: 8 * MiB },
  heapUsed: { share: 0.03, fixed: 1 * MiB },
  external: { share: 0.03, fixed: 1 * MiB },
  handles: { share: 0, fixed: 4 },
  threads: { share: 0, fixed: 4 },
};

export function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

/**
 * One line for each metric: { metric, before, after, allowed, outcome: 'flat' | 'grew' }. Empty when there are too few
 * samples to tell.
 */
export function judgeGrowth(samples) {
  const end = samples.at(-1)?.atMs ?? 0;
  const warm = samples.filter(({ atMs }) => atMs > end * warm_up_share);
  const third = Math.floor(warm.length / 3);
  if (third < span_samples_min) return [];
  return Object.entries(bounds)
    .filter(([metric]) => warm.every((sample) => sample[metric] !== undefined))
    .map(([metric, { share, fixed }]) => {
      const before = median(warm.slice(0, third).map((sample) => sample[metric]));
      const after = median(warm.slice(-third).map((sample) => sample[metric]));
      const allowed = before * share + fixed;
      return { metric, before, after, allowed, outcome: after - before > allowed ? 'grew' : 'flat' };
    });
}
