// Batch normalisation. The outputs of a unit are stored as they are; their normalisation is two numbers for each channel,
// which whoever reads them applies on the way: z = factor · y + shift. Sums are taken while y is written.

#pragma once

#include <cmath>

#include "mixing.h"
#include "program.h"

namespace commonweight {

constexpr double EPSILON = 1e-5;

// A value of a program, as a kernel reads it: planes and, unless they are null, each channel's normalisation.
struct Source {
    const Vec* data;
    const float* factor;
    const float* shift;
};

INLINE Source source(const Step& step, int input, const Run& run, int block) {
    const size_t at = size_t(block) * step.channels_in * run.pixels();
    return {step.in[input] + at, step.in_factor[input], step.in_shift[input]};
}

// One plane's normalisation as vectors; lanes without an image come out as 0.
struct Affine {
    Vec factor, shift;
    Affine(const Source& from, int channel, Vec mask)
        : factor(mask * (from.factor ? from.factor[channel] : 1.0f)),
          shift(mask * (from.shift ? from.shift[channel] : 0.0f)) {}
    Vec operator()(Vec y) const { return y * factor + shift; }
};

// Sums over a whole batch for each channel, in double, gathered block by block from sums in float.
struct Statistics {
    std::vector<double> sum, square;
    explicit Statistics(int channels) : sum(channels), square(channels) {}

    void add(const Moments* of_block, int lanes) {
        for (size_t c = 0; c < sum.size(); c++) {
            sum[c] += sum_of_lanes(of_block[c].sum, lanes);
            square[c] += sum_of_lanes(of_block[c].square, lanes);
        }
    }
};

// From the sums of (y − reference) and its square: the normalisation of y, for its readers and for the backward pass, and
// the running statistics moved. A reference near the values keeps the squares small where a channel's mean is large beside
// its deviation. A unit may store outputs without their `origin`, which its running mean gets back: true values are
// y + origin. Example: a mixing unit stores its outputs less `origin` and sums these (`reference` is 0); a pooling unit
// stores true outputs (`origin` is 0) and sums them less `reference`.
inline void finish(const Step& step, const Run& run, const Statistics& sums, const std::vector<float>& origin,
                   const std::vector<float>& reference) {
    const double count = double(run.images()) * run.pixels();
    for (int c = 0; c < step.channels_out; c++) {
        const int at = run.copy * step.channels_out + c;
        const double shifted = sums.sum[c] / count, least = sums.square[c] / count - shifted * shifted;
        const double mean = reference[c] + shifted, variance = least < 0 ? 0 : least;  // NaN passes
        const double inverse = 1 / std::sqrt(variance + EPSILON), gamma = step.gamma ? step.gamma[at] : 1;
        step.inverse[c] = float(inverse);
        step.centre[c] = float(-mean * inverse);
        step.factor[c] = float(gamma * inverse);
        step.shift[c] = float((step.beta ? step.beta[at] : 0) - gamma * mean * inverse);
        const double unbiased = count > 1 ? variance * count / (count - 1) : variance;
        step.mean[at] += step.momentum * (float(mean + origin[c]) - step.mean[at]);
        step.variance[at] += step.momentum * (float(unbiased) - step.variance[at]);
    }
}

// Coefficients of a channel's backward pass: d_y = a · d_z + b · y + c, all from sums over the batch.
struct Backward {
    float a, b, c;
};

// With x̂ = inverse · y + centre: d_y = γ/σ · (d_z − mean(d_z) − x̂ · mean(d_z · x̂)). Writes the gradients of γ and β.
inline std::vector<Backward> backward_coefficients(const Step& step, const Run& run) {
    const int pixels = run.pixels(), channels = step.channels_out;
    const double count = double(run.images()) * pixels;
    std::vector<Backward> result(channels);
    for (int c = 0; c < channels; c++) {
        const int at = run.copy * channels + c;
        const Vec inverse = splat(step.inverse[c]), centre = splat(step.centre[c]);
        double total = 0, product = 0;
        for (int block = 0; block < run.blocks; block++) {
            const Vec* RESTRICT d = step.d_out + (size_t(block) * channels + c) * pixels;
            const Vec* RESTRICT y = step.out + (size_t(block) * channels + c) * pixels;
            Vec sum[4] = {}, dot[4] = {};
            int p = 0;
            for (; p + 4 <= pixels; p += 4)
#pragma GCC unroll 4
                for (int i = 0; i < 4; i++) {
                    sum[i] += d[p + i];
                    dot[i] += d[p + i] * (y[p + i] * inverse + centre);
                }
            for (; p < pixels; p++) {
                sum[0] += d[p];
                dot[0] += d[p] * (y[p] * inverse + centre);
            }
            total += sum_of_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]), run.lanes(block));
            product += sum_of_lanes((dot[0] + dot[1]) + (dot[2] + dot[3]), run.lanes(block));
        }
        if (step.d_gamma) step.d_gamma[at] = float(product);
        if (step.d_beta) step.d_beta[at] = float(total);
        const double scale = (step.gamma ? step.gamma[at] : 1.0) * step.inverse[c];
        const double slope = -scale * product / count;  // of x̂
        const double constant = slope * step.centre[c] - scale * total / count;
        result[c] = {float(scale), float(slope * step.inverse[c]), float(constant)};
    }
    return result;
}

// d_y of the pixels [first, last) of one plane; 0 in lanes without an image.
INLINE void backward_plane(Vec* RESTRICT d_y, const Vec* RESTRICT d_z, const Vec* RESTRICT y, const Backward& by,
                           int first, int last, Vec mask) {
    const Vec a = by.a * mask, b = by.b * mask, c = by.c * mask;
    for (int p = first; p < last; p++) d_y[p - first] = a * d_z[p] + (b * y[p] + c);
}

}  // namespace commonweight
