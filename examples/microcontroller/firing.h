// Firing: posteriors, hop by hop, become detections. The same rule as s3rl_jax/detect/firing.py, in the same order of float32
// operations. Plain C++17, no allocation.
#pragma once

namespace s3rl {

// When a detector fires. The arrays have one entry for each keyword, or one for all.
struct FiringRule {
  const double* thresholds;  // the lowest score that fires
  const int* refractory;     // hops after a firing in which it does not fire again
  int patience;              // hops in a row at which the score must reach the threshold
  double rearm;              // share of the threshold below which the score must fall after a firing; negative: it need not
};

// labels: number of classes, class 0 no keyword. scores: labels - 1, a score for each keyword; or 1, the sum of all.
template <int labels, int scores, int smoothing_hops>
class FiringState {
  static_assert(scores == 1 || scores == labels - 1, "one score, or one for each keyword");

 public:
  explicit FiringState(const FiringRule& rule) : rule_(rule) {
    for (int s = 0; s < scores; ++s) since_firing_[s] = kNever, armed_[s] = true;
  }

  // Takes the posteriors of the next hop, class 0 no keyword. Returns the class of the keyword that is detected at this hop, or 0.
  int Step(const float* posteriors) {
    float* newest = recent_[hops_ % smoothing_hops];
    any_[hops_ % smoothing_hops] = 0;
    for (int k = 0; k < labels; ++k) newest[k] = posteriors[k];
    for (int k = 1; k < labels; ++k) any_[hops_ % smoothing_hops] += posteriors[k];
    ++hops_;
    int fired = -1, highest = 0;
    float score[scores];
    for (int s = 0; s < scores; ++s) {
      score[s] = scores == 1 ? Mean([this](int hop) { return any_[hop]; }) : Smoothed(s + 1);
      if (score[s] > score[highest]) highest = s;
      if (Fires(s, score[s]) && (fired < 0 || score[s] > score[fired])) fired = s;
    }
    score_ = score[fired < 0 ? highest : fired];
    if (fired < 0) return 0;
    return scores == 1 ? Likeliest() : fired + 1;
  }

  // The score that fired at the last hop, or the highest one if none did.
  float score() const { return score_; }

 private:
  static constexpr int kNever = 1 << 30;

  // Takes the next value of one score, and returns whether it fires.
  bool Fires(int s, float score) {
    if (since_firing_[s] < kNever) ++since_firing_[s];
    if (rule_.rearm < 0 || score < rule_.rearm * rule_.thresholds[s]) armed_[s] = true;
    if (!(score >= rule_.thresholds[s])) {
      hops_above_[s] = 0;
    } else if (hops_above_[s] < rule_.patience) {
      ++hops_above_[s];
    }
    if (hops_above_[s] < rule_.patience || !armed_[s] || since_firing_[s] <= rule_.refractory[s]) return false;
    since_firing_[s] = 0;
    armed_[s] = false;
    return true;
  }

  int Likeliest() const {
    int likeliest = 1;
    for (int k = 2; k < labels; ++k) {
      if (Smoothed(k) > Smoothed(likeliest)) likeliest = k;
    }
    return likeliest;
  }

  float Smoothed(int k) const {
    return Mean([this, k](int hop) { return recent_[hop][k]; });
  }

  // Adds from the oldest hop to the newest; hops before the first count as zeros.
  template <class Value>
  float Mean(Value value) const {
    float sum = value(hops_ % smoothing_hops);
    for (int age = 1; age < smoothing_hops; ++age) sum += value((hops_ + age) % smoothing_hops);
    return sum / smoothing_hops;
  }

  FiringRule rule_;
  float recent_[smoothing_hops][labels] = {}, any_[smoothing_hops] = {}, score_ = 0;
  unsigned hops_ = 0;
  int since_firing_[scores], hops_above_[scores] = {};
  bool armed_[scores];
};

}  // namespace s3rl
