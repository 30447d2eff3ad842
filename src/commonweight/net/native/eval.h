// The units in eval mode: the normalisation is folded into the mixing weights once per sweep, so a unit is one pass.

#pragma once

#include "units.h"

namespace commonweight {

// folded = mixing · γ/σ, `packed`; shift = β − mean · γ/σ; a unit without mixing weights keeps the factor itself.
inline void fold(const Step& step, const Run& run) {
    const int co = step.channels_out, at = run.copy * co;
    const int ci = step.channels_in * step.inputs, taps = step.kernel * step.kernel;
    std::vector<float> factor(co);
    for (int c = 0; c < co; c++) {
        factor[c] = float((step.gamma ? step.gamma[at + c] : 1.0f) / std::sqrt(step.variance[at + c] + EPSILON));
        step.shift[c] = (step.beta ? step.beta[at + c] : 0.0f) - step.mean[at + c] * factor[c];
    }
    if (step.mixing) {
        const float* mixing = step.mixing + size_t(at) * ci * taps;
        const auto weight = [&](int o, int i, int tap) { return mixing[(o * ci + i) * taps + tap] * factor[o]; };
        factor = taps == 1 ? packed<TILES.mix_channels>(co, ci, taps, weight)
                           : packed<TILES.dense_channels>(co, ci, taps, weight);
    }
    std::copy(factor.begin(), factor.end(), step.folded);
}

inline void separable_eval(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in, co = step.channels_out;
    Vec* middle = scratch<Scratch::MIDDLE>(size_t(ci) * pixels);
    const Planes from(middle, ci, pixels);
    for (int block = 0; block < run.blocks; block++) {
        depthwise_block(step, run, block, middle);
        const Planes to(step.out + size_t(block) * co * pixels, co, pixels);
        pointwise(to.out(), co, from.in(), ci, step.folded, step.shift, 0, pixels, nullptr);
    }
}

inline void pointwise_eval(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in * step.inputs, co = step.channels_out;
    Planes from(ci);
    for (int block = 0; block < run.blocks; block++) {
        const Planes to(step.out + size_t(block) * co * pixels, co, pixels);
        in_strips(pixels, ci, STRIP_BYTES, [&](int first, int last) INLINED {
            activate_inputs(step, run, block, first, last, from);
            pointwise(to.out(), co, from.in(), ci, step.folded, step.shift, first, last, nullptr);
        });
    }
}

template <int S>
void dense_eval(const Step& step, const Run& run) {
    const int pixels = strided<S>(run).pixels(), co = step.channels_out;
    for (int block = 0; block < run.blocks; block++) {
        const Planes to(step.out + size_t(block) * co * pixels, co, pixels);
        const Vec* padded = padded_input(step, run, block);
        dense3<S>(to.out(), co, padded, step.channels_in, step.folded, step.shift, padded_of(run), nullptr);
    }
}

inline void norm_eval(const Step& step, const Run& run) {
    const int pixels = run.pixels();
    for (int plane = 0; plane < run.blocks * step.channels_out; plane++) {
        const float factor = step.folded[plane % step.channels_out], shift = step.shift[plane % step.channels_out];
        const Vec* RESTRICT from = step.in[0] + size_t(plane) * pixels;
        Vec* RESTRICT to = step.out + size_t(plane) * pixels;
        for (int p = 0; p < pixels; p++) to[p] = from[p] * factor + shift;
    }
}

inline void max_pool_unit_eval(const Step& step, const Run& run) {
    const int pixels = run.pixels();
    for (int plane = 0; plane < run.blocks * step.channels_out; plane++) {
        const int c = plane % step.channels_out;
        max_pool_eval(step.out + size_t(plane) * pixels, step.in[0] + size_t(plane) * pixels, {run.height, run.width},
                      step.folded[c], step.shift[c]);
    }
}

inline void average_pool_unit_eval(const Step& step, const Run& run) {
    const int pixels = run.pixels();
    for (int block = 0; block < run.blocks; block++)
        for_pooled<false>(step, run, block, [&](int c, const Vec* padded) {
            Vec* to = step.out + (size_t(block) * step.channels_out + c) * pixels;
            average_pool(to, padded, padded_of(run));
            for (int p = 0; p < pixels; p++) to[p] = to[p] * step.folded[c] + step.shift[c];
        });
}

}  // namespace commonweight
