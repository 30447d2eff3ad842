// The units in eval mode: the normalisation is folded into the mixing weights once per sweep, so a unit is one pass.

#pragma once

#include "units.h"

namespace commonweight {

// folded = mixing · γ/σ, shift = β − mean · γ/σ; a pooling unit has no mixing weights and keeps the factor itself.
inline void fold(const Step& step, const Run& run) {
    const int co = step.channels_out, at = run.copy * co;
    const int row = step.mixing ? step.channels_in * step.inputs * step.kernel * step.kernel : 1;
    for (int c = 0; c < co; c++) {
        const float factor = float((step.gamma ? step.gamma[at + c] : 1.0f) / std::sqrt(step.variance[at + c] + EPSILON));
        step.shift[c] = (step.beta ? step.beta[at + c] : 0.0f) - step.mean[at + c] * factor;
        for (int i = 0; i < row; i++)
            step.folded[c * row + i] = step.mixing ? step.mixing[size_t(at + c) * row + i] * factor : factor;
    }
}

inline void separable_eval(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in, co = step.channels_out;
    const float* spatial = step.spatial + size_t(run.copy) * ci * step.kernel * step.kernel;
    Vec* middle = scratch<4>(size_t(ci) * pixels);
    const Planes from(middle, ci, pixels);
    for (int block = 0; block < run.blocks; block++) {
        for_kernel(step.kernel, [&](auto k) {
            depthwise_block<k.value>(step, run, step.in[0] + size_t(block) * ci * pixels, middle, spatial);
        });
        const Planes to(step.out + size_t(block) * co * pixels, co, pixels);
        pointwise(to.out(), co, from.in(), ci, step.folded, step.shift, pixels);
    }
}

inline void pointwise_eval(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in * step.inputs, co = step.channels_out;
    for (int block = 0; block < run.blocks; block++) {
        const Planes from = input_planes(step, run, block), to(step.out + size_t(block) * co * pixels, co, pixels);
        pointwise(to.out(), co, from.in(), ci, step.folded, step.shift, pixels);
    }
}

inline void dense_eval(const Step& step, const Run& run) {
    const int pixels = run.pixels(), co = step.channels_out;
    const Padded shape{run.height, run.width, 1};
    for (int block = 0; block < run.blocks; block++) {
        const Planes to(step.out + size_t(block) * co * pixels, co, pixels);
        dense3(to.out(), co, padded_input(step, run, block, shape), step.channels_in, step.folded, step.shift, shape);
    }
}

template <bool MAX>
void pool_eval(const Step& step, const Run& run) {
    const int pixels = run.pixels(), channels = step.channels_out;
    const Padded shape{run.height, run.width, 1};
    Vec* padded = padded_scratch<MAX ? 4 : 5>(shape, 1, MAX ? -INFINITY : 0.0f);
    for (int plane = 0; plane < run.blocks * channels; plane++) {
        const int c = plane % channels;
        Vec* to = step.out + size_t(plane) * pixels;
        pad_into<false>(padded, step.in[0] + size_t(plane) * pixels, shape);
        MAX ? max_pool<false>(to, nullptr, padded, shape) : average_pool(to, padded, shape);
        for (int p = 0; p < pixels; p++) to[p] = to[p] * step.folded[c] + step.shift[c];
    }
}

}  // namespace commonweight
