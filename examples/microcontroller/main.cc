// A keyword spotter on TensorFlow Lite Micro: raw 16-bit mono PCM at 16 kHz on standard input, detections on standard output.
// The model is what `python -m s3rl_jax.export --quantize=int8 --io=int8 --target=tflm --c-array --out=detector.tflite` wrote;
// build with the Makefile beside this file. On a device, replace the reading of standard input by its microphone.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "detector_model.h"
#include "firing.h"
#include "front_end.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {
constexpr int kLabels = sizeof(detector_labels) / sizeof(detector_labels[0]);
constexpr int kFrames = detector_hop_samples / s3rl::kHop;  // of 10 ms in a hop
alignas(16) uint8_t arena[detector_arena_bytes];

int8_t Quantise(float x, float scale, int zero) {
  return static_cast<int8_t>(std::clamp<long>(std::lround(x / scale) + zero, -128, 127));
}
}  // namespace

int main() {
  tflite::MicroMutableOpResolver<9> resolver;
  resolver.AddAdd();
  resolver.AddConcatenation();
  resolver.AddDepthwiseConv2D();
  resolver.AddFullyConnected();
  resolver.AddReshape();
  resolver.AddSlice();
  resolver.AddSoftmax();
  resolver.AddSub();
  resolver.AddTranspose();
  tflite::MicroInterpreter interpreter(tflite::GetModel(detector_model), resolver, arena, sizeof(arena));
  if (interpreter.AllocateTensors() != kTfLiteOk) {
    std::fprintf(stderr, "the arena of %zu bytes is too small, or an operator is missing\n", sizeof(arena));
    return 1;
  }
  // A stream begins with a state of zeros.
  for (const auto& state : detector_states) {
    TfLiteTensor* tensor = interpreter.input(state.input);
    std::memset(tensor->data.int8, state.zero, tensor->bytes);
  }

  s3rl::FrontEnd front_end;
  int16_t pcm[detector_hop_samples];
  s3rl::FiringState<kLabels, detector_scores, detector_smoothing_hops> firing(
      {detector_thresholds, detector_refractory_hops, detector_patience, detector_rearm});
  for (int hop = 0; std::fread(pcm, sizeof(pcm), 1, stdin) == 1; ++hop) {
    int8_t* features = interpreter.input(detector_features_input)->data.int8;
    for (int frame = 0; frame < kFrames; ++frame) {
      float samples[s3rl::kHop], bands[s3rl::kBands];
      for (int i = 0; i < s3rl::kHop; ++i) samples[i] = pcm[frame * s3rl::kHop + i] / 32768.0f;
      front_end.Hop(samples, bands);
      for (float band : bands) *features++ = Quantise(band, detector_features_scale, detector_features_zero);
    }
    if (interpreter.Invoke() != kTfLiteOk) return 1;
    for (const auto& state : detector_states) {
      const TfLiteTensor* after = interpreter.output(state.output);
      std::memcpy(interpreter.input(state.input)->data.int8, after->data.int8, after->bytes);
    }
    const int8_t* quantised = interpreter.output(detector_posteriors_output)->data.int8;
    float posteriors[kLabels];
    for (int k = 0; k < kLabels; ++k) posteriors[k] = (quantised[k] - detector_posteriors_zero) * detector_posteriors_scale;
    if (const int keyword = firing.Step(posteriors)) {
      const double seconds = (hop + 1) * detector_hop_samples / double(s3rl::kRate);
      std::printf("{\"time\": %.2f, \"keyword\": \"%s\", \"score\": %.3f}\n", seconds, detector_labels[keyword], firing.score());
      std::fflush(stdout);
    }
  }
  return 0;
}
