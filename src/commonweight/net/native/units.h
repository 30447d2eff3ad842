// The units of the network, forward and backward in training mode, over all blocks of a batch.

#pragma once

#include "activate.h"
#include "depthwise.h"
#include "pool.h"

namespace commonweight {

// Calls work(K, D) for the depthwise kernels that there are; false for another.
template <class Work>
INLINE bool for_kernel(const Step& step, Work work) {
    const auto dilated = [&](auto k) INLINED {
        if (step.dilation == 1) return work(k, std::integral_constant<int, 1>()), true;
        if (step.dilation == 2) return work(k, std::integral_constant<int, 2>()), true;
        return false;
    };
    switch (step.kernel) {
        case 3: return dilated(std::integral_constant<int, 3>());
        case 5: return dilated(std::integral_constant<int, 5>());
        case 7: return dilated(std::integral_constant<int, 7>());
    }
    return false;
}

inline bool has_kernel(const Step& step) {
    return for_kernel(step, [](auto, auto) {});
}

// ---------------------------------------------------------------- ReLU → depthwise → pointwise → BN

// One channel through ReLU and its depthwise kernel; pixels are activated not long before they are needed.
template <int K, int D>
void depthwise_plane(Vec* RESTRICT out, const Vec* in, Affine normal, const float* weight, const Run& run) {
    Vec* active = scratch<Scratch::ACTIVE>(run.pixels());
    int done = 0;
    depthwise<K, D>(
        active, weight, plane_of(run),
        [&](int rows) INLINED {
            if (rows * run.width <= done) return;
            const int end = std::min(std::max(rows * run.width, done + 64), run.pixels());
            activate(active, in, normal, true, done, end);
            done = end;
        },
        [&](int p, Vec sum) INLINED { out[p] = sum; });
}

inline void depthwise_block(const Step& step, const Run& run, int block, Vec* out) {
    const int pixels = run.pixels(), taps = step.kernel * step.kernel;
    const float* weight = step.spatial + size_t(run.copy) * step.channels_in * taps;
    const Source from = source(step, 0, run, block);
    const Vec mask = lane_mask(run, block);
    for_kernel(step, [&](auto k, auto d) INLINED {
        for (int c = 0; c < step.channels_in; c++)
            depthwise_plane<k.value, d.value>(out + size_t(c) * pixels, from.data + size_t(c) * pixels,
                                              Affine(from, c, mask), weight + c * taps, run);
    });
}

inline void separable(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in, co = step.channels_out;
    const float* mixing = step.mixing + size_t(run.copy) * co * ci;
    Vec* middle = static_cast<Vec*>(step.middle);
    const std::vector<float> weight = forward_weights<TILES.mix_channels>(mixing, co, ci, 1);
    Origins origins(co);
    Statistics sums(co);
    for (int block = 0; block < run.blocks; block++) {
        Vec* mid = middle + size_t(block) * ci * pixels;
        depthwise_block(step, run, block, mid);
        if (block == 0) origins.find(mixing, ci, 1, [&](int c, int) { return mid[size_t(c) * pixels][0]; });
        const Planes from(mid, ci, pixels), to(step.out + size_t(block) * co * pixels, co, pixels);
        Moments* moments = no_moments(co);
        pointwise(to.out(), co, from.in(), ci, weight.data(), origins.bias.data(), 0, pixels, moments);
        sums.add(moments, run.lanes(block));
    }
    finish(step, run, sums, origins.taken, origins.none);
}

template <int K, int D>
void separable_back_with(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in, co = step.channels_out;
    const float* spatial = step.spatial + size_t(run.copy) * ci * K * K;
    const float* mixing = step.mixing + size_t(run.copy) * co * ci;
    const std::vector<float> back_weight = backward_weights<TILES.mix_channels>(mixing, co, ci, 1);
    std::vector<float> turned(size_t(ci) * K * K);
    for (int c = 0; c < ci; c++)
        for (int tap = 0; tap < K * K; tap++) turned[c * K * K + tap] = spatial[c * K * K + K * K - 1 - tap];
    const std::vector<Backward> by = backward_coefficients(step, run);
    Vec* d_y = scratch<Scratch::D_OUT>(size_t(co) * pixels);
    Vec* d_mid = scratch<Scratch::D_MIDDLE>(size_t(ci) * pixels);
    Vec* active = scratch<Scratch::ACTIVE>(pixels);
    Vec* spatial_sums = cleared<Scratch::SPATIAL_SUMS>(size_t(ci) * K * K);
    Vec* mixing_sums = cleared<Scratch::MIXING_SUMS>(size_t(co) * ci);
    const Planes d_mid_planes(d_mid, ci, pixels);
    for (int block = 0; block < run.blocks; block++) {
        const Vec mask = lane_mask(run, block);
        const Planes mid(static_cast<Vec*>(step.middle) + size_t(block) * ci * pixels, ci, pixels);
        Planes d_y_planes(co);
        in_strips(pixels, co, STRIP_BYTES, [&](int first, int last) INLINED {
            for (int c = 0; c < co; c++) {
                const size_t at = (size_t(block) * co + c) * pixels;
                Vec* strip = d_y + size_t(c) * (last - first);
                backward_plane(strip, step.d_out + at, step.out + at, by[c], first, last, mask);
                d_y_planes.at[c] = strip - first;
            }
            pointwise_weight_gradient(mixing_sums, d_y_planes.in(), co, mid.in(), ci, first, last);
            pointwise(d_mid_planes.out(), ci, d_y_planes.in(), co, back_weight.data(), nullptr, first, last, nullptr);
        });
        const Source from = source(step, 0, run, block);
        Vec* d_in = step.d_in[0] ? step.d_in[0] + size_t(block) * ci * pixels : nullptr;
        for (int c = 0; c < ci; c++) {
            const size_t at = size_t(c) * pixels;
            activate(active, from.data + at, Affine(from, c, mask), true, 0, pixels);
            depthwise_weight_gradient<K, D>(spatial_sums + c * K * K, active, d_mid + at, plane_of(run));
            if (!d_in) continue;
            Vec* RESTRICT to = d_in + at;
            const bool add = step.d_add[0];
            depthwise<K, D>(
                d_mid + at, turned.data() + c * K * K, plane_of(run), [](int) {},
                [&](int p, Vec sum) INLINED { store_gradient(to + p, let_through(sum, active[p]), add); });
        }
    }
    sum_lanes(step.d_spatial + size_t(run.copy) * ci * K * K, spatial_sums, size_t(ci) * K * K);
    sum_lanes(step.d_mixing + size_t(run.copy) * co * ci, mixing_sums, size_t(co) * ci);
}

inline void separable_back(const Step& step, const Run& run) {
    for_kernel(step, [&](auto k, auto d) { separable_back_with<k.value, d.value>(step, run); });
}

// ---------------------------------------------------------------- (ReLU →) pointwise → BN, over one or more tensors

// The pixels [first, last) of all input planes of one block, activated, into `planes`.
INLINE void activate_inputs(const Step& step, const Run& run, int block, int first, int last, Planes& planes) {
    const int pixels = run.pixels(), ci = step.channels_in, length = last - first;
    Vec* active = scratch<Scratch::ACTIVE>(size_t(ci) * step.inputs * length);
    const Vec mask = lane_mask(run, block);
    for (int i = 0; i < step.inputs; i++) {
        const Source from = source(step, i, run, block);
        for (int c = 0; c < ci; c++) {
            Vec*& plane = planes.at[i * ci + c];
            plane = active + size_t(i * ci + c) * length - first;
            activate(plane, from.data + size_t(c) * pixels, Affine(from, c, mask), step.relu, first, last);
        }
    }
}

inline void pointwise_unit(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in * step.inputs, co = step.channels_out;
    const float* mixing = step.mixing + size_t(run.copy) * co * ci;
    const std::vector<float> weight = forward_weights<TILES.mix_channels>(mixing, co, ci, 1);
    Origins origins(co);
    Statistics sums(co);
    Planes from(ci);
    for (int block = 0; block < run.blocks; block++) {
        const Planes to(step.out + size_t(block) * co * pixels, co, pixels);
        Moments* moments = no_moments(co);
        in_strips(pixels, ci, STRIP_BYTES, [&](int first, int last) INLINED {
            activate_inputs(step, run, block, first, last, from);
            if (block == 0 && first == 0) origins.find(mixing, ci, 1, [&](int c, int) { return from.at[c][0][0]; });
            pointwise(to.out(), co, from.in(), ci, weight.data(), origins.bias.data(), first, last, moments);
        });
        sums.add(moments, run.lanes(block));
    }
    finish(step, run, sums, origins.taken, origins.none);
}

inline void pointwise_back(const Step& step, const Run& run) {
    const int pixels = run.pixels(), ci = step.channels_in * step.inputs, co = step.channels_out;
    const float* mixing = step.mixing + size_t(run.copy) * co * ci;
    const std::vector<float> back_weight = backward_weights<TILES.mix_channels>(mixing, co, ci, 1);
    const std::vector<Backward> by = backward_coefficients(step, run);
    Vec* mixing_sums = cleared<Scratch::MIXING_SUMS>(size_t(co) * ci);
    Planes from(ci), d_y(co), d_from(ci);
    for (int block = 0; block < run.blocks; block++) {
        const Vec mask = lane_mask(run, block);
        in_strips(pixels, ci, STRIP_BYTES, [&](int first, int last) INLINED {
            const int length = last - first;
            Vec* d_y_strip = scratch<Scratch::D_OUT>(size_t(co) * length);
            Vec* d_from_strip = scratch<Scratch::D_MIDDLE>(size_t(ci) * length);
            for (int c = 0; c < co; c++) {
                const size_t at = (size_t(block) * co + c) * pixels;
                Vec* strip = d_y_strip + size_t(c) * length;
                backward_plane(strip, step.d_out + at, step.out + at, by[c], first, last, mask);
                d_y.at[c] = strip - first;
            }
            activate_inputs(step, run, block, first, last, from);
            pointwise_weight_gradient(mixing_sums, d_y.in(), co, from.in(), ci, first, last);
            for (int c = 0; c < ci; c++) d_from.at[c] = d_from_strip + size_t(c) * length - first;
            pointwise(d_from.out(), ci, d_y.in(), co, back_weight.data(), nullptr, first, last, nullptr);
            for (int i = 0; i < ci; i++) {
                Vec* d_in = step.d_in[i / step.channels_in];
                if (!d_in) continue;
                Vec* to = d_in + (size_t(block) * step.channels_in + i % step.channels_in) * pixels;
                store_gradients(to + first, d_from.at[i] + first, from.at[i] + first, step.relu,
                                step.d_add[i / step.channels_in], length);
            }
        });
    }
    sum_lanes(step.d_mixing + size_t(run.copy) * co * ci, mixing_sums, size_t(co) * ci);
}

// ---------------------------------------------------------------- (ReLU →) dense 3×3 with stride S → BN

template <int S>
INLINE Run strided(const Run& run) { return S == 1 ? run : run.halved(); }

INLINE Vec* padded_input(const Step& step, const Run& run, int block) {
    const Padded shape = padded_of(run);
    const Source from = source(step, 0, run, block);
    const Vec mask = lane_mask(run, block);
    Vec* padded = padded_scratch<Scratch::PADDED>(shape, step.channels_in);
    for (int c = 0; c < step.channels_in; c++)
        activate_padded(padded + size_t(c) * shape.vectors(), from.data + size_t(c) * run.pixels(),
                        Affine(from, c, mask), step.relu, shape);
    return padded;
}

template <int S>
void dense_unit(const Step& step, const Run& run) {
    const Run after = strided<S>(run);
    const int pixels = after.pixels(), ci = step.channels_in, co = step.channels_out;
    const Padded shape = padded_of(run);
    const float* mixing = step.mixing + size_t(run.copy) * co * ci * 9;
    const std::vector<float> weight = forward_weights<TILES.dense_channels>(mixing, co, ci, 9);
    Origins origins(co);
    Statistics sums(co);
    for (int block = 0; block < run.blocks; block++) {
        const Planes to(step.out + size_t(block) * co * pixels, co, pixels);
        const Vec* padded = padded_input(step, run, block);
        if (block == 0)
            origins.find(mixing, ci, 9, [&](int c, int tap) {
                return padded[size_t(c) * shape.vectors() + tap / 3 * shape.stride() + tap % 3][0];
            });
        Moments* moments = no_moments(co);
        dense3<S>(to.out(), co, padded, ci, weight.data(), origins.bias.data(), shape, moments);
        sums.add(moments, run.lanes(block));
    }
    finish(step, after, sums, origins.taken, origins.none);
}

// With stride 2 the input's gradient is that of stride 1 from a gradient that is spread out among zeros.
template <int S>
void dense_back(const Step& step, const Run& run) {
    const Run after = strided<S>(run);
    const int pixels = run.pixels(), ci = step.channels_in, co = step.channels_out;
    const Padded shape = padded_of(run), out = padded_of(after);
    const float* mixing = step.mixing + size_t(run.copy) * co * ci * 9;
    const std::vector<float> back_weight = backward_weights<TILES.dense_channels>(mixing, co, ci, 9);
    const std::vector<Backward> by = backward_coefficients(step, after);
    Vec* mixing_sums = cleared<Scratch::MIXING_SUMS>(size_t(co) * ci * 9);
    Vec* d_from = scratch<Scratch::D_MIDDLE>(size_t(ci) * pixels);
    Vec* spread = S == 1 ? nullptr : cleared<Scratch::D_SPREAD>(size_t(co) * shape.vectors());
    const Planes d_from_planes(d_from, ci, pixels);
    for (int block = 0; block < run.blocks; block++) {
        const Vec mask = lane_mask(run, block);
        Vec* d_y = padded_scratch<Scratch::D_PADDED>(out, co);
        for (int c = 0; c < co; c++)
            for (int row = 0; row < after.height; row++) {
                const size_t at = (size_t(block) * co + c) * after.pixels() + row * after.width;
                Vec* line = d_y + size_t(c) * out.vectors() + out.inside(row);
                backward_plane(line, step.d_out + at, step.out + at, by[c], 0, after.width, mask);
                if (S == 1) continue;
                Vec* wide = spread + size_t(c) * shape.vectors() + shape.inside(S * row);
                for (int x = 0; x < after.width; x++) wide[S * x] = line[x];
            }
        const Vec* padded = padded_input(step, run, block);
        dense3_weight_gradient<S>(mixing_sums, d_y, co, out, padded, ci, shape);
        if (!step.d_in[0]) continue;
        dense3<1, S>(d_from_planes.out(), ci, S == 1 ? d_y : spread, co, back_weight.data(), nullptr, shape, nullptr);
        for (int c = 0; c < ci; c++)
            for (int row = 0; row < run.height; row++) {
                const size_t at = size_t(c) * pixels + row * run.width;
                store_gradients(step.d_in[0] + size_t(block) * ci * pixels + at, d_from + at,
                                padded + size_t(c) * shape.vectors() + shape.inside(row), step.relu, step.d_add[0],
                                run.width);
            }
    }
    sum_lanes(step.d_mixing + size_t(run.copy) * co * ci * 9, mixing_sums, size_t(co) * ci * 9);
}

// ---------------------------------------------------------------- pooling → BN

// One block's planes, padded as the pooling wants, each handed to work(channel, padded).
template <bool MAX, class Work>
INLINE void for_pooled(const Step& step, const Run& run, int block, Work work) {
    const Padded shape = padded_of(run);
    const Source from = source(step, 0, run, block);
    const Vec mask = lane_mask(run, block);
    Vec* padded = padded_scratch<Scratch::PADDED>(shape, 1, MAX ? -INFINITY : 0.0f);
    for (int c = 0; c < step.channels_out; c++) {
        activate_padded(padded, from.data + size_t(c) * run.pixels(), Affine(from, c, mask), false, shape);
        work(c, padded);
    }
}

template <bool MAX>
void pool_unit(const Step& step, const Run& run) {
    const int pixels = run.pixels(), channels = step.channels_out;
    const Padded shape = padded_of(run);
    ByteVec* taps = static_cast<ByteVec*>(step.middle);
    const std::vector<float> none(channels);
    std::vector<float> reference(channels);
    Statistics sums(channels);
    for (int block = 0; block < run.blocks; block++) {
        Moments* moments = no_moments(channels);
        for_pooled<MAX>(step, run, block, [&](int c, const Vec* padded) {
            const size_t at = (size_t(block) * channels + c) * pixels;
            Vec* out = step.out + at;
            if (!MAX)
                average_pool(out, padded, shape);
            else if (has_nan(padded, shape))
                max_pool<true>(out, taps + at, padded, shape);
            else
                max_pool<false>(out, taps + at, padded, shape);
            if (block == 0) reference[c] = out[0][0];
            Vec sum = {}, square = {};
            for (int p = 0; p < pixels; p++) {
                const Vec v = out[p] - reference[c];
                sum += v;
                square += v * v;
            }
            moments[c] = {sum, square};
        });
        sums.add(moments, run.lanes(block));
    }
    finish(step, run, sums, none, reference);
}

template <bool MAX>
void pool_back(const Step& step, const Run& run) {
    const std::vector<Backward> by = backward_coefficients(step, run);
    if (!step.d_in[0]) return;
    const int pixels = run.pixels(), channels = step.channels_out;
    const Padded shape = padded_of(run);
    Vec* padded = padded_scratch<Scratch::D_PADDED>(shape, 1);
    IntVec* winners = reinterpret_cast<IntVec*>(padded_scratch<Scratch::TAPS>(shape, 1));
    const ByteVec* taps = static_cast<const ByteVec*>(step.middle);
    for (int block = 0; block < run.blocks; block++) {
        const Vec mask = lane_mask(run, block);
        for (int c = 0; c < channels; c++) {
            const size_t at = (size_t(block) * channels + c) * pixels;
            for (int row = 0; row < run.height; row++) {
                const size_t from = at + row * run.width;
                const int to = shape.inside(row);
                backward_plane(padded + to, step.d_out + from, step.out + from, by[c], 0, run.width, mask);
                if (MAX)
                    for (int x = 0; x < run.width; x++)
                        winners[to + x] = __builtin_convertvector(taps[from + x], IntVec);
            }
            Vec* d_in = step.d_in[0] + at;
            if (MAX)
                step.d_add[0] ? max_pool_gradient<true>(d_in, winners, padded, shape)
                              : max_pool_gradient<false>(d_in, winners, padded, shape);
            else
                step.d_add[0] ? average_pool_gradient<true>(d_in, padded, shape)
                              : average_pool_gradient<false>(d_in, padded, shape);
        }
    }
}

// ---------------------------------------------------------------- sums

inline void sum_unit(const Step& step, const Run& run) {
    const int pixels = run.pixels();
    for (int block = 0; block < run.blocks; block++) {
        const Vec mask = lane_mask(run, block);
        for (int c = 0; c < step.channels_in; c++) {
            const size_t plane = size_t(c) * pixels;
            Vec* RESTRICT to = step.out + size_t(block) * step.channels_in * pixels + plane;
            for (int input = 0; input < step.inputs; input++) {
                const Source from = source(step, input, run, block);
                const Affine normal(from, c, mask);
                const Vec* RESTRICT term = from.data + plane;
                for (int p = 0; p < pixels; p++) to[p] = input ? to[p] + normal(term[p]) : normal(term[p]);
            }
        }
    }
}

// The gradient of a sum is that of each of its terms.
inline void sum_back(const Step& step, const Run& run) {
    const int count = run.blocks * step.channels_in * run.pixels();
    for (int input = 0; input < step.inputs; input++)
        store_gradients(step.d_in[input], step.d_out, step.d_out, false, step.d_add[input], count);
}

}  // namespace commonweight
