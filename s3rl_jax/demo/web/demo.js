// Reads the microphone or a dropped file, steps the model hop by hop, and shows its score and detections.
import {loadLiteRt, loadAndCompile, Tensor} from '@litertjs/core';
import {FiringState, firingRule} from '/firing.js';
import {Resampler} from '/resampler.js';

const at = (id) => document.getElementById(id);
const SHOWN_HOPS = 60;

// One stream of hops through the signature `stream`.
class Detector {
  constructor(model, description) {
    this.signature = model.signatures.stream;
    this.description = description;
    this.shapes = description.signatures.stream.inputs;
    this.firing = new FiringState(firingRule(description));
    this.reset();
  }

  reset() {
    this.state = {};
    for (const name of this.description.signatures.stream.state) {
      this.state[name] = new Float32Array(this.shapes[name].reduce((a, b) => a * b, 1));
    }
    this.firing.reset();
    this.hops = 0;
  }

  async posteriors(samples) {
    const inputs = {samples: Tensor.fromTypedArray(samples, this.shapes.samples)};
    for (const [name, array] of Object.entries(this.state)) inputs[name] = Tensor.fromTypedArray(array, this.shapes[name]);
    const outputs = await this.signature.run(inputs);
    const posteriors = Array.from(await outputs.posteriors.data());
    for (const name of Object.keys(this.state)) this.state[name] = Float32Array.from(await outputs[name].data());
    for (const tensor of [...Object.values(inputs), ...Object.values(outputs)]) tensor.delete();
    return posteriors;
  }

  // The score after this hop, its threshold, and the keyword if it fires.
  async step(samples) {
    const {score, place, keyword} = this.firing.step(await this.posteriors(samples));
    this.hops += 1;
    const {hop, sample_rate, labels} = this.description;
    const threshold = this.firing.rule.thresholds[place];
    return {score, threshold, keyword: keyword === null ? null : labels[keyword], seconds: this.hops * hop / sample_rate};
  }
}

const scores = [];

function draw(threshold) {
  const canvas = at('scores'), pen = canvas.getContext('2d'), {width, height} = canvas;
  pen.clearRect(0, 0, width, height);
  pen.fillStyle = '#06c';
  scores.slice(-SHOWN_HOPS).forEach((score, i) => {
    pen.fillRect(i * width / SHOWN_HOPS, height * (1 - score), width / SHOWN_HOPS - 3, height * score);
  });
  pen.fillStyle = '#c33';
  pen.fillRect(0, height * (1 - threshold), width, 4);
}

async function hop(detector, samples, source, end = Infinity) {
  const {score, threshold, keyword, seconds} = await detector.step(samples);
  scores.push(score);
  draw(threshold);
  const power = samples.reduce((sum, x) => sum + x * x, 0) / samples.length;
  at('level').firstElementChild.style.width = `${Math.max(0, 100 + 10 / 6 * 10 * Math.log10(power + 1e-9))}%`;
  if (keyword !== null) {
    const line = document.createElement('li');
    line.textContent = `${keyword} at ${Math.min(seconds, end).toFixed(2)} s, score ${score.toFixed(3)} (${source})`;
    at('detections').prepend(line);
  }
}

// An audio context with the microphone as a source: at the model's rate, or, where the browser does not connect a microphone
// of another rate (Firefox), at the microphone's.
async function openMicrophone(rate) {
  const media = await navigator.mediaDevices.getUserMedia(
      {audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
  const audio = new AudioContext({sampleRate: rate});
  try {
    return {audio, source: audio.createMediaStreamSource(media)};
  } catch (error) {
    if (error.name !== 'NotSupportedError') throw error;
    await audio.close();
    const own = new AudioContext();
    return {audio: own, source: own.createMediaStreamSource(media)};
  }
}

// Steps the microphone's whole hops in order: each waits for the one before it.
async function listen(detector, size) {
  const rate = detector.description.sample_rate;
  const {audio, source} = await openMicrophone(rate);
  const resampler = audio.sampleRate === rate ? null : new Resampler(audio.sampleRate, rate);
  const worklet = `registerProcessor('blocks', class extends AudioWorkletProcessor {
    process([[channel]]) {
      if (channel) this.port.postMessage(channel.slice());
      return true;
    }
  });`;
  await audio.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], {type: 'text/javascript'})));
  const node = new AudioWorkletNode(audio, 'blocks');
  detector.reset();
  let turn = Promise.resolve(), filled = 0, samples = new Float32Array(size);
  node.port.onmessage = ({data}) => {
    for (const sample of resampler ? resampler.process(data) : data) {
      samples[filled++] = sample;
      if (filled < size) continue;
      const whole = samples;
      turn = turn.then(() => hop(detector, whole, 'microphone')).catch(report);
      samples = new Float32Array(size);
      filled = 0;
    }
  };
  source.connect(node);
  at('state').textContent = 'listening';
}

async function play(detector, size, file) {
  const context = new OfflineAudioContext(1, 1, detector.description.sample_rate);
  const decoded = await context.decodeAudioData(await file.arrayBuffer());
  const mono = new Float32Array(decoded.length);
  for (let c = 0; c < decoded.numberOfChannels; c++) {
    decoded.getChannelData(c).forEach((x, i) => { mono[i] += x / decoded.numberOfChannels; });
  }
  // Silence after the end, as Detector.flush adds it, so that a word there reaches its score.
  const {sample_rate} = detector.description, {smoothingHops, patience} = detector.firing.rule;
  const padded = new Float32Array((Math.ceil(mono.length / size) + smoothingHops + patience - 1) * size);
  padded.set(mono);
  detector.reset();
  for (let i = 0; i + size <= padded.length; i += size) {
    await hop(detector, padded.slice(i, i + size), file.name, mono.length / sample_rate);
  }
  at('state').textContent = `${file.name}: done`;
}

// A slider for each threshold.
function showThresholds({thresholds}, labels) {
  thresholds.forEach((threshold, place) => {
    const line = document.createElement('label'), slider = document.createElement('input'), shown = document.createElement('output');
    Object.assign(slider, {type: 'range', min: 0, max: 1, step: 0.001, value: threshold});
    slider.oninput = () => { shown.textContent = thresholds[place] = Number(slider.value); };
    shown.textContent = threshold;
    line.append(thresholds.length > 1 ? `threshold of ${labels[place + 1]} ` : 'threshold ', slider, ' ', shown);
    at('thresholds').append(line);
  });
}

function report(error) {
  at('problem').textContent = error.message ?? String(error);
}

async function main() {
  const description = await (await fetch('/model.json')).json();
  at('keyword').textContent = description.labels.slice(1).join('” or “');
  await loadLiteRt('/litert/core/wasm/');
  const model = await loadAndCompile('/model.tflite', {accelerator: 'wasm'});
  const detector = new Detector(model, description);
  showThresholds(detector.firing.rule, description.labels);
  at('listen').disabled = false;
  at('state').textContent = 'ready';
  at('listen').onclick = () => { at('listen').disabled = true; listen(detector, description.hop).catch(report); };
  const drop = at('drop');
  drop.ondragover = (event) => { event.preventDefault(); drop.className = 'over'; };
  drop.ondragleave = () => { drop.className = ''; };
  drop.ondrop = (event) => {
    event.preventDefault();
    drop.className = '';
    if (event.dataTransfer.files.length) play(detector, description.hop, event.dataTransfer.files[0]).catch(report);
  };
}

main().catch(report);
