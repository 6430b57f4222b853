// Firing: posteriors, hop by hop, become detections. The same rule as s3rl_jax/detect/firing.py, in the same float32
// arithmetic (Math.fround), so that both give equal scores and fire at the same hops; tests/demo/test_firing_js.py compares.

// Hops after a firing in which a detector does not fire again. Halves are rounded to the even number, as by Python's round:
// the usual 2 s are 12.5 hops of 0.16 s.
export function refractoryHops(hop, sampleRate, seconds) {
  const hops = seconds * sampleRate / hop, below = Math.floor(hops);
  return hops - below === 0.5 ? below + below % 2 : Math.round(hops);
}

// The mean, added from the oldest to the newest value in float32.
function mean(values) {
  return Math.fround(values.reduce((sum, value) => Math.fround(sum + value)) / values.length);
}

export class FiringState {
  // refractory: hops after a firing in which it does not fire again; smoothingHops: number of hops in the mean.
  constructor(refractory, smoothingHops) {
    this.refractory = refractory;
    this.smoothingHops = smoothingHops;
    this.reset();
  }

  // Back to the state before the first hop, before which every posterior counts as zero.
  reset() {
    this.recent = [];
    this.hopsSinceFiring = Infinity;
  }

  // posteriors: of one hop, class 0 no keyword. Returns the smoothed score of any keyword, and the class of the likeliest
  // keyword if the detector fires at this hop, else null.
  step(posteriors, threshold) {
    if (!this.recent.length) this.recent = Array(this.smoothingHops).fill(posteriors.map(() => 0));
    this.recent = [...this.recent.slice(1), posteriors];
    const anyKeyword = (hop) => hop.slice(1).reduce((sum, p) => Math.fround(sum + p), 0);
    const score = mean(this.recent.map(anyKeyword));
    this.hopsSinceFiring += 1;
    if (!(score >= threshold) || this.hopsSinceFiring <= this.refractory) return {score, keyword: null};
    this.hopsSinceFiring = 0;
    const smoothed = posteriors.map((_, k) => mean(this.recent.map((hop) => hop[k]))).slice(1);
    return {score, keyword: 1 + smoothed.indexOf(Math.max(...smoothed))};
  }
}
