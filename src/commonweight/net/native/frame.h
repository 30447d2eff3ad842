// Units of NAS-Bench-201 that end in no convolution with BN: average pooling alone, the shortcut between two stacks, and BN
// alone, in front of the head.

#pragma once

#include "units.h"

namespace commonweight {

// ---------------------------------------------------------------- average pooling alone

inline void average_unit(const Step& step, const Run& run) {
    for (int block = 0; block < run.blocks; block++)
        for_pooled<false>(step, run, block, [&](int c, const Vec* padded) {
            average_pool(step.out + (size_t(block) * step.channels_out + c) * run.pixels(), padded, padded_of(run));
        });
}

inline void average_back(const Step& step, const Run& run) {
    if (!step.d_in[0]) return;
    const Padded shape = padded_of(run);
    Vec* padded = padded_scratch<Scratch::D_PADDED>(shape, 1);
    for (int plane = 0; plane < run.blocks * step.channels_out; plane++) {
        const size_t at = size_t(plane) * run.pixels();
        for (int row = 0; row < run.height; row++)
            std::copy_n(step.d_out + at + row * run.width, run.width, padded + shape.inside(row));
        Vec* d_in = step.d_in[0] + at;
        step.d_add[0] ? average_pool_gradient<true>(d_in, padded, shape)
                      : average_pool_gradient<false>(d_in, padded, shape);
    }
}

// ---------------------------------------------------------------- 2×2 average pooling, stride 2 → pointwise

// All planes of one block, pooled.
INLINE const Vec* pooled_block(const Step& step, const Run& run, int block) {
    const int pixels = run.pixels(), smaller = run.halved().pixels();
    const Source from = source(step, 0, run, block);
    const Vec mask = lane_mask(run, block);
    Vec* active = scratch<Scratch::ACTIVE>(pixels);
    Vec* pooled = scratch<Scratch::MIDDLE>(size_t(step.channels_in) * smaller);
    for (int c = 0; c < step.channels_in; c++) {
        activate(active, from.data + size_t(c) * pixels, Affine(from, c, mask), false, 0, pixels);
        halve(pooled + size_t(c) * smaller, active, plane_of(run));
    }
    return pooled;
}

// In training and in eval mode alike.
inline void halved_unit(const Step& step, const Run& run) {
    const int pixels = run.halved().pixels(), ci = step.channels_in, co = step.channels_out;
    const float* mixing = step.mixing + size_t(run.copy) * co * ci;
    const std::vector<float> weight = forward_weights<TILES.mix_channels>(mixing, co, ci, 1);
    for (int block = 0; block < run.blocks; block++) {
        const Planes from(const_cast<Vec*>(pooled_block(step, run, block)), ci, pixels);
        const Planes to(step.out + size_t(block) * co * pixels, co, pixels);
        pointwise(to.out(), co, from.in(), ci, weight.data(), nullptr, 0, pixels, nullptr);
    }
}

inline void halved_back(const Step& step, const Run& run) {
    const int pixels = run.halved().pixels(), ci = step.channels_in, co = step.channels_out;
    const float* mixing = step.mixing + size_t(run.copy) * co * ci;
    const std::vector<float> back_weight = backward_weights<TILES.mix_channels>(mixing, co, ci, 1);
    Vec* mixing_sums = cleared<Scratch::MIXING_SUMS>(size_t(co) * ci);
    Vec* d_pooled = scratch<Scratch::D_MIDDLE>(size_t(ci) * pixels);
    const Planes d_from(d_pooled, ci, pixels);
    for (int block = 0; block < run.blocks; block++) {
        const Planes d_y(step.d_out + size_t(block) * co * pixels, co, pixels);
        const Planes from(const_cast<Vec*>(pooled_block(step, run, block)), ci, pixels);
        pointwise_weight_gradient(mixing_sums, d_y.in(), co, from.in(), ci, 0, pixels);
        if (!step.d_in[0]) continue;
        pointwise(d_from.out(), ci, d_y.in(), co, back_weight.data(), nullptr, 0, pixels, nullptr);
        for (int c = 0; c < ci; c++)
            halve_gradient(step.d_in[0] + (size_t(block) * ci + c) * run.pixels(), d_pooled + size_t(c) * pixels,
                           plane_of(run), step.d_add[0]);
    }
    sum_lanes(step.d_mixing + size_t(run.copy) * co * ci, mixing_sums, size_t(co) * ci);
}

// ---------------------------------------------------------------- BN alone

inline void norm_unit(const Step& step, const Run& run) {
    const int pixels = run.pixels(), channels = step.channels_out;
    const std::vector<float> none(channels);
    std::vector<float> reference(channels);
    Statistics sums(channels);
    for (int block = 0; block < run.blocks; block++) {
        Moments* moments = no_moments(channels);
        const Source from = source(step, 0, run, block);
        const Vec mask = lane_mask(run, block);
        for (int c = 0; c < channels; c++) {
            Vec* RESTRICT out = step.out + (size_t(block) * channels + c) * pixels;
            activate(out, from.data + size_t(c) * pixels, Affine(from, c, mask), false, 0, pixels);
            if (block == 0) reference[c] = out[0][0];
            Vec sum = {}, square = {};
            for (int p = 0; p < pixels; p++) {
                const Vec v = out[p] - reference[c];
                sum += v;
                square += v * v;
            }
            moments[c] = {sum, square};
        }
        sums.add(moments, run.lanes(block));
    }
    finish(step, run, sums, none, reference);
}

inline void norm_back(const Step& step, const Run& run) {
    const std::vector<Backward> by = backward_coefficients(step, run);
    if (!step.d_in[0]) return;
    const int pixels = run.pixels(), channels = step.channels_out;
    Vec* d_y = scratch<Scratch::D_OUT>(pixels);
    for (int block = 0; block < run.blocks; block++)
        for (int c = 0; c < channels; c++) {
            const size_t at = (size_t(block) * channels + c) * pixels;
            backward_plane(d_y, step.d_out + at, step.out + at, by[c], 0, pixels, lane_mask(run, block));
            store_gradients(step.d_in[0] + at, d_y, d_y, false, step.d_add[0], pixels);
        }
}

}  // namespace commonweight
