// Firing: posteriors, hop by hop, become detections. The same rule as s3rl_jax/detect/firing.py, in the same order of float32
// operations. Plain C++17, no allocation.
#pragma once
#include <cmath>

namespace s3rl {

// Hops after a firing in which a detector does not fire again. std::nearbyint rounds halves to the even number, as Python's round.
inline int RefractoryHops(int hop_samples, double sample_rate, double seconds) {
  return static_cast<int>(std::nearbyint(seconds * sample_rate / hop_samples));
}

template <int labels, int smoothing_hops>
class FiringState {
 public:
  FiringState(double threshold, int refractory) : threshold_(threshold), refractory_(refractory) {}

  // Takes the posteriors of the next hop, class 0 no keyword. Returns the class of the likeliest keyword if the detector fires
  // at this hop, else 0.
  int Step(const float* posteriors) {
    float* newest = recent_[hops_ % smoothing_hops];
    any_[hops_ % smoothing_hops] = 0;
    for (int k = 0; k < labels; ++k) newest[k] = posteriors[k];
    for (int k = 1; k < labels; ++k) any_[hops_ % smoothing_hops] += posteriors[k];
    ++hops_;
    score_ = Mean([this](int hop) { return any_[hop]; });
    if (since_firing_ <= refractory_) ++since_firing_;
    if (!(score_ >= threshold_) || since_firing_ <= refractory_) return 0;
    since_firing_ = 0;
    int likeliest = 1;
    float highest = -1;
    for (int k = 1; k < labels; ++k) {
      const float smoothed = Mean([this, k](int hop) { return recent_[hop][k]; });
      if (smoothed > highest) highest = smoothed, likeliest = k;
    }
    return likeliest;
  }

  // Smoothed posterior of any keyword after the last hop.
  float score() const { return score_; }

 private:
  // Adds from the oldest hop to the newest; hops before the first count as zeros.
  template <class Value>
  float Mean(Value value) const {
    float sum = value(hops_ % smoothing_hops);
    for (int age = 1; age < smoothing_hops; ++age) sum += value((hops_ + age) % smoothing_hops);
    return sum / smoothing_hops;
  }

  double threshold_;
  int refractory_;
  float recent_[smoothing_hops][labels] = {}, any_[smoothing_hops] = {}, score_ = 0;
  unsigned hops_ = 0;
  int since_firing_ = 1 << 30;
};

}  // namespace s3rl
