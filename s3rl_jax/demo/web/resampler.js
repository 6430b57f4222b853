// Resampling of a stream, for browsers that give a microphone at its own rate alone (Firefox): windowed sinc, one filter for
// each phase. tests/demo/test_resampler_js.py compares it with soxr.

const ZERO_CROSSINGS = 24;  // on each side of a filter
const PASSED = 0.92;        // of the lower Nyquist frequency

const gcd = (a, b) => (b ? gcd(b, a % b) : a);

export class Resampler {
  // rate, target: whole Hz.
  constructor(rate, target) {
    const divisor = gcd(rate, target);
    this.up = target / divisor;
    this.down = rate / divisor;
    const cutoff = PASSED * Math.min(1, target / rate);
    this.half = Math.ceil(ZERO_CROSSINGS / cutoff);
    this.filters = Array.from({length: this.up}, (_, phase) => this.filter(phase / this.up, cutoff));
    this.past = new Float32Array(this.half - 1);  // silence before the first sample
    this.next = 0;  // where the next output sample's filter begins in `past`, in steps of 1 / up input samples
  }

  // Taps for an output sample that lies `fraction` of a sample after an input sample.
  filter(fraction, cutoff) {
    const taps = Float32Array.from({length: 2 * this.half}, (_, i) => {
      const distance = i - this.half + 1 - fraction, x = Math.PI * cutoff * distance;
      const window = 0.5 + 0.5 * Math.cos(Math.PI * distance / this.half);
      return (x === 0 ? 1 : Math.sin(x) / x) * cutoff * (Math.abs(distance) < this.half ? window : 0);
    });
    const sum = taps.reduce((a, b) => a + b, 0);
    return taps.map((tap) => tap / sum);
  }

  // The samples that can be computed by now; they come later than what they are computed of by `half` samples.
  process(samples) {
    const input = new Float32Array(this.past.length + samples.length);
    input.set(this.past);
    input.set(samples, this.past.length);
    const output = [];
    while (Math.floor(this.next / this.up) + 2 * this.half <= input.length) {
      const first = Math.floor(this.next / this.up), filter = this.filters[this.next % this.up];
      let sum = 0;
      for (let i = 0; i < filter.length; i++) sum += filter[i] * input[first + i];
      output.push(sum);
      this.next += this.down;
    }
    const used = Math.min(Math.floor(this.next / this.up), input.length);
    this.past = input.slice(used);
    this.next -= used * this.up;
    return Float32Array.from(output);
  }
}
