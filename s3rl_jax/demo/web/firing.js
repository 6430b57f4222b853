// Firing: posteriors, hop by hop, become detections. The same rule as s3rl_jax/detect/firing.py, in the same float32
// arithmetic (Math.fround), so that both give equal scores and fire at the same hops; tests/demo/test_firing_js.py compares.

const USUAL_POINT = '0.5';  // false accepts an hour

// Hops after a firing in which a detector does not fire again. Halves are rounded to the even number, as by Python's round:
// the usual 2 s are 12.5 hops of 0.16 s.
export function refractoryHops(hop, sampleRate, seconds) {
  const hops = seconds * sampleRate / hop, below = Math.floor(hops);
  return hops - below === 0.5 ? below + below % 2 : Math.round(hops);
}

// The rule of firing that a model's .json describes, as FiringRule in Python. One threshold for each keyword, or one for all.
export function firingRule({hop, sample_rate, labels, threshold, refractory_seconds, smoothing, keywords, patience, rearm}) {
  const scores = keywords ? labels.slice(1).map((label) => keywords[label]) : [{threshold, refractory_seconds}];
  const point = USUAL_POINT in threshold ? USUAL_POINT : Object.keys(threshold)[0];
  return {
    thresholds: scores.map((score) => score.threshold[point]),
    refractory: scores.map((score) => refractoryHops(hop, sample_rate, score.refractory_seconds)),
    smoothingHops: smoothing.hops,
    patience: patience ?? 1,
    rearm: rearm ?? null,
  };
}

// The mean, added from the oldest to the newest value in float32.
function mean(values) {
  return Math.fround(values.reduce((sum, value) => Math.fround(sum + value)) / values.length);
}

const placeOfHighest = (values) => values.indexOf(Math.max(...values));

export class FiringState {
  // rule: see firingRule; its thresholds may be changed between two steps.
  constructor(rule) {
    this.rule = rule;
    this.reset();
  }

  // Back to the state before the first hop, before which every posterior counts as zero.
  reset() {
    this.recent = [];
    this.scores = this.rule.thresholds.map(() => ({sinceFiring: Infinity, hopsAbove: 0, armed: true}));
  }

  // posteriors: of one hop, class 0 no keyword. Returns the score that fires, or the highest one if none does; its place among
  // the thresholds; and the class of the keyword that is detected at this hop, else null.
  step(posteriors) {
    const {thresholds, smoothingHops} = this.rule, shared = thresholds.length === 1;
    if (!this.recent.length) this.recent = Array(smoothingHops).fill(posteriors.map(() => 0));
    this.recent = [...this.recent.slice(1), posteriors];
    const anyKeyword = (hop) => hop.slice(1).reduce((sum, p) => Math.fround(sum + p), 0);
    const smoothed = posteriors.map((_, k) => mean(this.recent.map((hop) => hop[k]))).slice(1);
    const scores = shared ? [mean(this.recent.map(anyKeyword))] : smoothed;
    const fires = scores.map((score, place) => this.fires(score, place));
    const place = placeOfHighest(fires.includes(true) ? scores.map((score, k) => fires[k] ? score : -1) : scores);
    const keyword = fires[place] ? 1 + (shared ? placeOfHighest(smoothed) : place) : null;
    return {score: scores[place], place, keyword};
  }

  // Takes the next value of one score, and returns whether it fires.
  fires(score, place) {
    const {thresholds, refractory, patience, rearm} = this.rule, state = this.scores[place];
    state.sinceFiring += 1;
    if (rearm === null || score < rearm * thresholds[place]) state.armed = true;
    state.hopsAbove = score >= thresholds[place] ? state.hopsAbove + 1 : 0;
    const fires = state.hopsAbove >= patience && state.armed && state.sinceFiring > refractory[place];
    if (fires) Object.assign(state, {sinceFiring: 0, armed: false});
    return fires;
  }
}
