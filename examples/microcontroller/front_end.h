// The log-mel front end of s3rl_jax (s3rl_jax/audio/logmel.py) for a device: 64 Slaney bands, 25 ms Hann window, 10 ms shift,
// standardised. Plain C++17, no allocation after construction. Samples are 16 kHz floats in [-1, 1].
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <vector>

namespace s3rl {

constexpr int kWindow = 400, kHop = 160, kFft = 512, kBands = 64, kBins = kFft / 2 + 1;
constexpr float kRate = 16000.0f, kPi = 3.14159265358979f;

class FrontEnd {
 public:
  FrontEnd() {
    for (int i = 0; i < kWindow; ++i) hann_[i] = 0.5f - 0.5f * std::cos(2 * kPi * i / kWindow);
    for (int i = 0; i < kFft / 2; ++i) twiddle_[i] = std::polar(1.0f, -2 * kPi * i / kFft);
    for (int band = 0; band <= kBands + 1; ++band) edge_[band] = Hertz(Mel(kRate / 2) * band / (kBands + 1));
  }

  // Turns the next 160 samples into one frame of 64 features. The first window begins with silence.
  void Hop(const float* samples, float* features) {
    std::copy(past_.begin() + kHop, past_.end(), past_.begin());
    std::copy(samples, samples + kHop, past_.end() - kHop);
    buffer_.fill(0);
    for (int i = 0; i < kWindow; ++i) buffer_[i] = past_[i] * hann_[i];
    Transform();
    for (int band = 0; band < kBands; ++band) features[band] = (std::log(Energy(band) + 1e-7f) + 8.0f) / 4.0f;
  }

 private:
  // Slaney's mel scale: linear up to 1 kHz, logarithmic above.
  static float Mel(float hertz) {
    return hertz < 1000 ? hertz * 3 / 200 : 15 + std::log(hertz / 1000) * 27 / std::log(6.4f);
  }
  static float Hertz(float mel) { return mel < 15 ? mel * 200 / 3 : 1000 * std::exp((mel - 15) * std::log(6.4f) / 27); }

  // Energy under a triangle of unit area over the edges of the band.
  float Energy(int band) const {
    const float low = edge_[band], middle = edge_[band + 1], high = edge_[band + 2], step = kRate / kFft;
    float sum = 0;
    for (int bin = std::max(0, int(low / step)); bin < kBins && bin * step < high; ++bin) {
      const float weight = std::min((bin * step - low) / (middle - low), (high - bin * step) / (high - middle));
      if (weight > 0) sum += weight * std::norm(buffer_[bin]);
    }
    return sum * 2 / (high - low);
  }

  // In-place radix-2 FFT of the buffer.
  void Transform() {
    for (int i = 1, j = 0; i < kFft; ++i) {
      int bit = kFft >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) std::swap(buffer_[i], buffer_[j]);
    }
    for (int length = 2; length <= kFft; length <<= 1) {
      for (int start = 0; start < kFft; start += length) {
        for (int k = 0; k < length / 2; ++k) {
          const auto even = buffer_[start + k], odd = buffer_[start + k + length / 2] * twiddle_[k * (kFft / length)];
          buffer_[start + k] = even + odd;
          buffer_[start + k + length / 2] = even - odd;
        }
      }
    }
  }

  std::array<float, kWindow> hann_, past_{};
  std::array<float, kBands + 2> edge_;
  std::array<std::complex<float>, kFft> buffer_;
  std::array<std::complex<float>, kFft / 2> twiddle_;
};

}  // namespace s3rl
