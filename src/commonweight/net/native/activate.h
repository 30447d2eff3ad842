// What all units do with the planes around their kernels: normalise and ReLU what they read, place the gradients
// that they give back, pack their weights, and take the first output of a channel off the others.

#pragma once

#include "norm.h"

namespace commonweight {

INLINE Plane plane_of(const Run& run) { return {run.height, run.width}; }
INLINE Padded padded_of(const Run& run) { return {run.height, run.width}; }

// The pixels [first, last) of a channel, normalised and through ReLU if asked, as the unit's operation sees them.
INLINE void activate(Vec* RESTRICT to, const Vec* RESTRICT from, Affine normal, bool with_relu, int first, int last) {
    when(with_relu, [&](auto relu_first) INLINED {
#pragma GCC unroll 4
        for (int p = first; p < last; p++) to[p] = relu_first ? relu(normal(from[p])) : normal(from[p]);
    });
}

// The same into the inside of a padded plane.
INLINE void activate_padded(Vec* to, const Vec* from, Affine normal, bool with_relu, const Padded& shape) {
    for (int row = 0; row < shape.height; row++)
        activate(to + shape.inside(row), from + row * shape.width, normal, with_relu, 0, shape.width);
}

// Where a gradient goes: on top of what is there or over it, and only where ReLU let the input through.
INLINE void store_gradient(Vec* to, Vec value, bool add) { *to = add ? *to + value : value; }
INLINE Vec let_through(Vec gradient, Vec active) { return active <= 0.0f ? Vec{} : gradient; }

INLINE void store_gradients(Vec* RESTRICT to, const Vec* RESTRICT gradient, const Vec* RESTRICT active, bool with_relu,
                            bool add, int count) {
    when(with_relu, [&](auto masked) INLINED {
        when(add, [&](auto on_top) INLINED {
#pragma GCC unroll 4
            for (int p = 0; p < count; p++)
                store_gradient(to + p, masked ? let_through(gradient[p], active[p]) : gradient[p], on_top);
        });
    });
}

inline void sum_lanes(float* to, const Vec* sums, size_t count) {
    for (size_t i = 0; i < count; i++) to[i] = sum_of_lanes(sums[i]);
}

// The mixing weights `[co][ci][tap]` of one copy, `packed` for the forward pass and, turned, for the input gradient.
template <int MOST>
std::vector<float> forward_weights(const float* mixing, int co, int ci, int taps) {
    return packed<MOST>(co, ci, taps, [&](int o, int i, int tap) { return mixing[(o * ci + i) * taps + tap]; });
}

template <int MOST>
std::vector<float> backward_weights(const float* mixing, int co, int ci, int taps) {
    return packed<MOST>(ci, co, taps, [&](int i, int o, int tap) { return mixing[(o * ci + i) * taps + taps - 1 - tap]; });
}

// What is taken off all outputs of a mixing unit: the first one of each channel, so that they are near 0.
struct Origins {
    std::vector<float> taken, bias, none;
    explicit Origins(int channels) : taken(channels), bias(channels), none(channels) {}

    // in(ci, tap): the first image's inputs for the first output
    template <class Input>
    void find(const float* weight, int inputs, int taps, Input in) {
        for (size_t c = 0; c < taken.size(); c++) {
            float first = 0;
            for (int ci = 0; ci < inputs; ci++)
                for (int tap = 0; tap < taps; tap++) first += weight[(c * inputs + ci) * taps + tap] * in(ci, tap);
            taken[c] = first;
            bias[c] = -first;
        }
    }
};

}  // namespace commonweight
