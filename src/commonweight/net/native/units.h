// The units of the network, forward and backward in training mode, over all blocks of a batch.

#pragma once

#include "convolution.h"
#include "norm.h"
#include "pool.h"
#include "program.h"

namespace commonweight {

// Pointers to consecutive planes, as the channel-mixing kernels take them.
struct Planes {
    std::vector<Vec*> at;
    Planes(Vec* first, int count, size_t pixels) : at(count) {
        for (int i = 0; i < count; i++) at[i] = first + i * pixels;
    }
    Vec* const* out() const { return at.data(); }
    const Vec* const* in() const { return const_cast<const Vec* const*>(at.data()); }
};

INLINE void store_gradient(Vec* RESTRICT d_in, const Vec* RESTRICT value, const Vec* RESTRICT in, bool relu, bool add,
                           int pixels) {
    for (int p = 0; p < pixels; p++) {
        const Vec v = relu ? (in[p] > 0.0f ? value[p] : Vec{}) : value[p];
        d_in[p] = add ? d_in[p] + v : v;
    }
}

inline void transpose(float* RESTRICT to, const float* RESTRICT from, int rows, int columns) {
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++) to[c * rows + r] = from[r * columns + c];
}

template <class Work>
INLINE void for_kernel(int kernel, Work work) {
    switch (kernel) {
        case 3: return work(std::integral_constant<int, 3>());
        case 5: return work(std::integral_constant<int, 5>());
        case 7: return work(std::integral_constant<int, 7>());
    }
}

inline void normalise_step(const Step& step, const Run& run) {
    const int at = run.copy * step.channels_out;
    normalise(step.out, step.channels_out, run, step.gamma ? step.gamma + at : nullptr,
              step.beta ? step.beta + at : nullptr, step.momentum, step.mean + at, step.variance + at, step.inverse);
}

// Coefficients for every output channel; clears and fills the gradients of γ and β.
inline std::vector<Backward> normalise_back(const Step& step, const Run& run) {
    std::vector<Backward> by(step.channels_out);
    const int at = run.copy * step.channels_out;
    float* d_gamma = step.d_gamma ? step.d_gamma + at : nullptr;
    float* d_beta = step.d_gamma ? step.d_beta + at : nullptr;
    if (d_gamma) {
        std::memset(d_gamma, 0, step.channels_out * sizeof(float));
        std::memset(d_beta, 0, step.channels_out * sizeof(float));
    }
    backward_coefficients(step.d_out, step.out, step.channels_out, run, step.gamma ? step.gamma + at : nullptr,
                          step.beta ? step.beta + at : nullptr, d_gamma, d_beta, step.inverse, by.data());
    return by;
}

// d_y of all output channels of one block.
INLINE void block_back(Vec* d_y, const Step& step, const Run& run, const std::vector<Backward>& by, int block) {
    const int pixels = run.pixels();
    const Vec mask = lane_mask(run, block);
    for (int c = 0; c < step.channels_out; c++) {
        const size_t at = (size_t(block) * step.channels_out + c) * pixels;
        backward_plane(d_y + size_t(c) * pixels, step.d_out + at, step.out + at, by[c], pixels, mask);
    }
}

// ---------------------------------------------------------------- ReLU → depthwise → pointwise → BN

template <int K>
void depthwise_block(const Step& step, const Run& run, const Vec* in, Vec* out, const float* weight) {
    const int pixels = run.pixels();
    const Padded shape{run.height, run.width, step.dilation * (K / 2)};
    Vec* padded = padded_scratch<0>(shape, 1);
    for (int c = 0; c < step.channels_in; c++) {
        pad_into<true>(padded, in + size_t(c) * pixels, shape);
        depthwise<K>(out + size_t(c) * pixels, padded, weight + c * K * K, shape, step.dilation);
    }
}

inline void separable(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in, co = step.channels_out;
    const float* spatial = step.spatial + size_t(run.copy) * ci * step.kernel * step.kernel;
    const float* mixing = step.mixing + size_t(run.copy) * co * ci;
    Vec* middle = static_cast<Vec*>(step.middle);
    for (int block = 0; block < run.blocks; block++) {
        Vec* mid = middle + size_t(block) * ci * pixels;
        for_kernel(step.kernel, [&](auto k) {
            depthwise_block<k.value>(step, run, step.in[0] + size_t(block) * ci * pixels, mid, spatial);
        });
        const Planes from(mid, ci, pixels), to(step.out + size_t(block) * co * pixels, co, pixels);
        pointwise(to.out(), co, from.in(), ci, mixing, nullptr, pixels);
    }
    normalise_step(step, run);
}

template <int K>
void separable_back(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in, co = step.channels_out;
    const Padded shape{run.height, run.width, step.dilation * (K / 2)};
    const float* spatial = step.spatial + size_t(run.copy) * ci * K * K;
    const float* mixing = step.mixing + size_t(run.copy) * co * ci;
    float* d_spatial = step.d_spatial + size_t(run.copy) * ci * K * K;
    float* d_mixing = step.d_mixing + size_t(run.copy) * co * ci;
    std::memset(d_spatial, 0, size_t(ci) * K * K * sizeof(float));
    std::memset(d_mixing, 0, size_t(co) * ci * sizeof(float));
    std::vector<float> transposed(size_t(co) * ci), flipped(size_t(ci) * K * K);
    transpose(transposed.data(), mixing, co, ci);
    for (int c = 0; c < ci; c++)
        for (int tap = 0; tap < K * K; tap++) flipped[c * K * K + tap] = spatial[c * K * K + K * K - 1 - tap];
    const std::vector<Backward> by = normalise_back(step, run);
    Vec* d_y = scratch<0>(size_t(co) * pixels);
    Vec* d_mid = scratch<1>(size_t(ci) * pixels);
    Vec* plane = scratch<2>(pixels);
    Vec* padded = padded_scratch<0>(shape, 1);
    Vec* d_padded = padded_scratch<1>(shape, 1);
    const Planes d_y_planes(d_y, co, pixels), d_mid_planes(d_mid, ci, pixels);
    for (int block = 0; block < run.blocks; block++) {
        const size_t at = size_t(block) * ci * pixels;
        block_back(d_y, step, run, by, block);
        const Planes mid(static_cast<Vec*>(step.middle) + at, ci, pixels);
        pointwise_weight_gradient(d_mixing, d_y_planes.in(), co, mid.in(), ci, pixels);
        pointwise(d_mid_planes.out(), ci, d_y_planes.in(), co, transposed.data(), nullptr, pixels);
        for (int c = 0; c < ci; c++) {
            const Vec* in = step.in[0] + at + size_t(c) * pixels;
            pad_into<true>(padded, in, shape);
            pad_into<false>(d_padded, d_mid + size_t(c) * pixels, shape);
            depthwise_weight_gradient<K>(d_spatial + c * K * K, padded, d_padded, shape, step.dilation);
            if (!step.d_in[0]) continue;
            depthwise<K>(plane, d_padded, flipped.data() + c * K * K, shape, step.dilation);
            store_gradient(step.d_in[0] + at + size_t(c) * pixels, plane, in, true, step.d_add[0], pixels);
        }
    }
}

// ---------------------------------------------------------------- (ReLU →) pointwise → BN, over one or more tensors

// The input planes of one block, through ReLU if the unit begins with it.
inline Planes input_planes(const Step& step, const Run& run, int block) {
    const int pixels = run.pixels(), ci = step.channels_in;
    Planes planes(nullptr, ci * step.inputs, 0);
    Vec* copies = step.relu ? scratch<3>(size_t(ci) * step.inputs * pixels) : nullptr;
    for (int i = 0; i < step.inputs; i++)
        for (int c = 0; c < ci; c++) {
            Vec* from = step.in[i] + (size_t(block) * ci + c) * pixels;
            Vec*& plane = planes.at[i * ci + c];
            plane = from;
            if (!step.relu) continue;
            plane = copies + size_t(i * ci + c) * pixels;
            for (int p = 0; p < pixels; p++) plane[p] = relu(from[p]);
        }
    return planes;
}

inline void pointwise_unit(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in * step.inputs, co = step.channels_out;
    const float* mixing = step.mixing + size_t(run.copy) * co * ci;
    for (int block = 0; block < run.blocks; block++) {
        const Planes from = input_planes(step, run, block), to(step.out + size_t(block) * co * pixels, co, pixels);
        pointwise(to.out(), co, from.in(), ci, mixing, nullptr, pixels);
    }
    normalise_step(step, run);
}

inline void pointwise_back(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in * step.inputs, co = step.channels_out;
    const float* mixing = step.mixing + size_t(run.copy) * co * ci;
    float* d_mixing = step.d_mixing + size_t(run.copy) * co * ci;
    std::memset(d_mixing, 0, size_t(co) * ci * sizeof(float));
    std::vector<float> transposed(size_t(co) * ci);
    transpose(transposed.data(), mixing, co, ci);
    const std::vector<Backward> by = normalise_back(step, run);
    Vec* d_y = scratch<0>(size_t(co) * pixels);
    Vec* d_from = scratch<1>(size_t(ci) * pixels);
    const Planes d_y_planes(d_y, co, pixels), d_from_planes(d_from, ci, pixels);
    for (int block = 0; block < run.blocks; block++) {
        block_back(d_y, step, run, by, block);
        const Planes from = input_planes(step, run, block);
        pointwise_weight_gradient(d_mixing, d_y_planes.in(), co, from.in(), ci, pixels);
        pointwise(d_from_planes.out(), ci, d_y_planes.in(), co, transposed.data(), nullptr, pixels);
        for (int i = 0; i < step.inputs; i++) {
            if (!step.d_in[i]) continue;
            for (int c = 0; c < step.channels_in; c++) {
                const size_t at = (size_t(block) * step.channels_in + c) * pixels;
                store_gradient(step.d_in[i] + at, d_from + size_t(i * step.channels_in + c) * pixels, step.in[i] + at,
                               step.relu, step.d_add[i], pixels);
            }
        }
    }
}

// ---------------------------------------------------------------- (ReLU →) dense 3×3 → BN

inline Vec* padded_input(const Step& step, const Run& run, int block, const Padded& shape) {
    const int pixels = run.pixels();
    Vec* padded = padded_scratch<2>(shape, step.channels_in);
    for (int c = 0; c < step.channels_in; c++) {
        const Vec* from = step.in[0] + (size_t(block) * step.channels_in + c) * pixels;
        Vec* to = padded + size_t(c) * shape.vectors();
        step.relu ? pad_into<true>(to, from, shape) : pad_into<false>(to, from, shape);
    }
    return padded;
}

inline void dense_unit(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in, co = step.channels_out;
    const Padded shape{run.height, run.width, 1};
    const float* mixing = step.mixing + size_t(run.copy) * co * ci * 9;
    for (int block = 0; block < run.blocks; block++) {
        const Planes to(step.out + size_t(block) * co * pixels, co, pixels);
        dense3(to.out(), co, padded_input(step, run, block, shape), ci, mixing, nullptr, shape);
    }
    normalise_step(step, run);
}

inline void dense_back(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in, co = step.channels_out;
    const Padded shape{run.height, run.width, 1};
    const float* mixing = step.mixing + size_t(run.copy) * co * ci * 9;
    float* d_mixing = step.d_mixing + size_t(run.copy) * co * ci * 9;
    std::memset(d_mixing, 0, size_t(co) * ci * 9 * sizeof(float));
    std::vector<float> turned(size_t(co) * ci * 9);  // [ci][co], kernels turned by 180°
    for (int o = 0; o < co; o++)
        for (int i = 0; i < ci; i++)
            for (int tap = 0; tap < 9; tap++) turned[(i * co + o) * 9 + 8 - tap] = mixing[(o * ci + i) * 9 + tap];
    const std::vector<Backward> by = normalise_back(step, run);
    Vec* d_y = scratch<0>(size_t(co) * pixels);
    Vec* d_from = scratch<1>(size_t(ci) * pixels);
    const Planes d_y_planes(d_y, co, pixels), d_from_planes(d_from, ci, pixels);
    for (int block = 0; block < run.blocks; block++) {
        block_back(d_y, step, run, by, block);
        dense3_weight_gradient(d_mixing, d_y_planes.in(), co, padded_input(step, run, block, shape), ci, shape);
        if (!step.d_in[0]) continue;
        Vec* padded = padded_scratch<3>(shape, co);
        for (int c = 0; c < co; c++)
            pad_into<false>(padded + size_t(c) * shape.vectors(), d_y + size_t(c) * pixels, shape);
        dense3(d_from_planes.out(), ci, padded, co, turned.data(), nullptr, shape);
        for (int c = 0; c < ci; c++) {
            const size_t at = (size_t(block) * ci + c) * pixels;
            store_gradient(step.d_in[0] + at, d_from + size_t(c) * pixels, step.in[0] + at, step.relu, step.d_add[0],
                           pixels);
        }
    }
}

// ---------------------------------------------------------------- pooling → BN

template <bool MAX>
void pool_unit(const Step& step, const Run& run) {
    const int pixels = run.pixels(), channels = step.channels_out;
    const Padded shape{run.height, run.width, 1};
    Vec* padded = padded_scratch<MAX ? 4 : 5>(shape, 1, MAX ? -INFINITY : 0.0f);
    ByteVec* taps = static_cast<ByteVec*>(step.middle);
    for (int plane = 0; plane < run.blocks * channels; plane++) {
        const size_t at = size_t(plane) * pixels;
        pad_into<false>(padded, step.in[0] + at, shape);
        if (MAX)
            max_pool<true>(step.out + at, taps + at, padded, shape);
        else
            average_pool(step.out + at, padded, shape);
    }
    normalise_step(step, run);
}

template <bool MAX>
void pool_back(const Step& step, const Run& run) {
    const std::vector<Backward> by = normalise_back(step, run);
    if (!step.d_in[0]) return;
    const int pixels = run.pixels(), channels = step.channels_out;
    const Padded shape{run.height, run.width, 1};
    Vec* d_y = scratch<0>(size_t(channels) * pixels);
    Vec* padded = padded_scratch<6>(shape, 1);
    IntVec* winners = reinterpret_cast<IntVec*>(padded_scratch<7>(shape, 1));
    const ByteVec* taps = static_cast<const ByteVec*>(step.middle);
    for (int block = 0; block < run.blocks; block++) {
        block_back(d_y, step, run, by, block);
        for (int c = 0; c < channels; c++) {
            const size_t at = (size_t(block) * channels + c) * pixels;
            pad_into<false>(padded, d_y + size_t(c) * pixels, shape);
            Vec* d_in = step.d_in[0] + at;
            if (MAX) {
                for (int row = 0; row < run.height; row++)
                    for (int x = 0; x < run.width; x++)
                        winners[shape.inside(row) + x] = __builtin_convertvector(taps[at + row * run.width + x], IntVec);
                step.d_add[0] ? max_pool_gradient<true>(d_in, winners, padded, shape)
                              : max_pool_gradient<false>(d_in, winners, padded, shape);
            } else
                step.d_add[0] ? average_pool_gradient<true>(d_in, padded, shape)
                              : average_pool_gradient<false>(d_in, padded, shape);
        }
    }
}

// ---------------------------------------------------------------- sums

inline void sum_unit(const Step& step, const Run& run) {
    const size_t count = size_t(run.blocks) * step.channels_in * run.pixels();
    for (size_t i = 0; i < count; i++) {
        Vec v = {};
        for (int input = 0; input < step.inputs; input++) v += step.in[input][i];
        step.out[i] = v;
    }
}

// The gradient of a sum is that of each of its terms.
inline void sum_back(const Step& step, const Run& run) {
    const size_t count = size_t(run.blocks) * step.channels_in * run.pixels();
    for (int input = 0; input < step.inputs; input++)
        for (size_t i = 0; i < count; i++)
            step.d_in[input][i] = step.d_add[input] ? step.d_in[input][i] + step.d_out[i] : step.d_out[i];
}

}  // namespace commonweight
