// Batch normalisation over a whole activation [block][channel][pixel][lane].

#pragma once

#include <cmath>

#include "lanes.h"

namespace commonweight {

constexpr double EPSILON = 1e-5;

// Mean and variance of each channel over the images of the batch. Lanes without an image hold zeros in y.
inline void moments(const Vec* y, int channels, const Run& run, double* mean, double* variance) {
    const int pixels = run.pixels();
    const double count = double(run.images()) * pixels;
    for (int c = 0; c < channels; c++) {
        double total = 0, squares = 0;
        // Distances from the first value: the sums stay small where a channel's mean is large beside its deviation.
        const float origin = y[size_t(c) * pixels][0];
        for (int block = 0; block < run.blocks; block++) {
            const Vec* plane = y + (size_t(block) * channels + c) * pixels;
            const Vec mask = lane_mask(run, block);
            Vec sum[2] = {}, square[2] = {};
            int p = 0;
            for (; p + 2 <= pixels; p += 2)
                for (int i = 0; i < 2; i++) {
                    const Vec v = (plane[p + i] - origin) * mask;
                    sum[i] += v;
                    square[i] += v * v;
                }
            for (; p < pixels; p++) {
                const Vec v = (plane[p] - origin) * mask;
                sum[0] += v;
                square[0] += v * v;
            }
            total += sum_of_lanes(sum[0] + sum[1]);
            squares += sum_of_lanes(square[0] + square[1]);
        }
        const double shifted = total / count;
        mean[c] = origin + shifted;
        variance[c] = std::fmax(squares / count - shifted * shifted, 0.0);
    }
}

// Normalise in place by the batch's own statistics, γ and β where they exist, and move the running statistics.
// inverse[c] keeps 1 / deviation for the backward pass. Lanes without an image become 0.
inline void normalise(Vec* y, int channels, const Run& run, const float* gamma, const float* beta, float momentum,
                      float* running_mean, float* running_variance, float* inverse) {
    const int pixels = run.pixels();
    const double count = double(run.images()) * pixels;
    std::vector<double> mean(channels), variance(channels);
    moments(y, channels, run, mean.data(), variance.data());
    for (int c = 0; c < channels; c++) {
        inverse[c] = float(1 / std::sqrt(variance[c] + EPSILON));
        const double unbiased = count > 1 ? variance[c] * count / (count - 1) : variance[c];
        running_mean[c] += momentum * (float(mean[c]) - running_mean[c]);
        running_variance[c] += momentum * (float(unbiased) - running_variance[c]);
    }
    for (int block = 0; block < run.blocks; block++) {
        const Vec mask = lane_mask(run, block);
        for (int c = 0; c < channels; c++) {
            Vec* plane = y + (size_t(block) * channels + c) * pixels;
            const float scale = inverse[c] * (gamma ? gamma[c] : 1.0f);
            const Vec factor = mask * scale;
            const Vec shift = mask * ((beta ? beta[c] : 0.0f) - float(mean[c]) * scale);
            for (int p = 0; p < pixels; p++) plane[p] = plane[p] * factor + shift;
        }
    }
}

// Coefficients of a channel's backward pass: d_y = a · d_z + b · z + c, all from sums over the batch.
struct Backward {
    Vec a, b, c;
};

// x̂ is recovered as (z − β) / γ, so a γ of exactly 0 gets no gradient; γ starts at 1 and only decays towards 0.
// With x̂ = (z − β) / γ: d_y = γ/σ · (d_z − mean(d_z) − x̂ · mean(d_z · x̂)). Adds the gradients of γ and β.
inline void backward_coefficients(const Vec* d_z, const Vec* z, int channels, const Run& run, const float* gamma,
                                  const float* beta, float* d_gamma, float* d_beta, const float* inverse,
                                  Backward* result) {
    const int pixels = run.pixels();
    const double count = double(run.images()) * pixels;
    for (int c = 0; c < channels; c++) {
        double total = 0, product = 0;
        for (int block = 0; block < run.blocks; block++) {
            const size_t at = (size_t(block) * channels + c) * pixels;
            Vec sum[2] = {}, dot[2] = {};
            int p = 0;
            for (; p + 2 <= pixels; p += 2)
                for (int i = 0; i < 2; i++) {
                    const Vec d = d_z[at + p + i];
                    sum[i] += d;
                    dot[i] += d * z[at + p + i];
                }
            for (; p < pixels; p++) {
                sum[0] += d_z[at + p];
                dot[0] += d_z[at + p] * z[at + p];
            }
            const Vec mask = lane_mask(run, block);
            total += sum_of_lanes((sum[0] + sum[1]) * mask);
            product += sum_of_lanes((dot[0] + dot[1]) * mask);
        }
        const double g = gamma ? gamma[c] : 1.0, b = beta ? beta[c] : 0.0;
        const double hat = g != 0 ? (product - b * total) / g : 0;  // sum of d_z · x̂
        if (d_gamma) {
            d_gamma[c] += float(hat);
            d_beta[c] += float(total);
        }
        const double scale = g * inverse[c];
        const double slope = g != 0 ? -scale * hat / count / g : 0;
        result[c] = {splat(float(scale)), splat(float(slope)), splat(float(-scale * total / count - slope * b))};
    }
}

// d_y of one plane from d_z and z; 0 in lanes without an image.
INLINE void backward_plane(Vec* RESTRICT d_y, const Vec* RESTRICT d_z, const Vec* RESTRICT z, const Backward& by,
                           int pixels, Vec mask) {
    const Vec a = by.a * mask, b = by.b * mask, c = by.c * mask;
    for (int p = 0; p < pixels; p++) d_y[p] = a * d_z[p] + (b * z[p] + c);
}

}  // namespace commonweight
