// Convolutions that mix channels, on one block of images: pointwise and dense 3×3, forward (also the input gradient, with
// turned weights) and weight gradient. A tile of channels × pixels of sums stays in registers.

#pragma once

#include "tiles.h"

namespace commonweight {

// Pointers to planes, as these kernels take them.
struct Planes {
    std::vector<Vec*> at;
    explicit Planes(int count) : at(count) {}
    Planes(Vec* first, int count, size_t stride) : at(count) {
        for (int i = 0; i < count; i++) at[i] = first + i * stride;
    }
    Vec* const* out() const { return at.data(); }
    const Vec* const* in() const { return const_cast<const Vec* const*>(at.data()); }
};

// Sums over the outputs of one channel, lane by lane, gathered while they are in registers.
struct Moments {
    Vec sum, square;
};

INLINE Moments* no_moments(int channels) { return reinterpret_cast<Moments*>(cleared<Scratch::MOMENTS>(2 * channels)); }

// Calls work(N, x) for pieces of MOST of `size` things, and of 4, 2 and 1 of what is left.
template <int MOST, class Work>
INLINE void in_pieces(int size, Work work) {
    int at = 0;
    for (; at + MOST <= size; at += MOST) work(std::integral_constant<int, MOST>(), at);
    if constexpr (MOST > 4)
        for (; at + 4 <= size; at += 4) work(std::integral_constant<int, 4>(), at);
    if constexpr (MOST > 2)
        for (; at + 2 <= size; at += 2) work(std::integral_constant<int, 2>(), at);
    for (; at < size; at++) work(std::integral_constant<int, 1>(), at);
}

// Mixing weights in the order in which a tile of output channels reads them: [piece of MOST channels_out][ci][tap][channel
// of the piece]; weight(co, ci, tap) gives them.
template <int MOST, class Weight>
std::vector<float> packed(int channels_out, int channels_in, int taps, Weight weight) {
    std::vector<float> result(size_t(channels_out) * channels_in * taps);
    float* to = result.data();
    in_pieces<MOST>(channels_out, [&](auto count, int co) {
        for (int ci = 0; ci < channels_in; ci++)
            for (int tap = 0; tap < taps; tap++)
                for (int c = 0; c < count; c++) *to++ = weight(co + c, ci, tap);
    });
    return result;
}

template <int CO, int PX>
INLINE void store_tile(Vec* const* RESTRICT out, const Vec (&sum)[CO][PX], int p, Moments* RESTRICT moments) {
#pragma GCC unroll 8
    for (int co = 0; co < CO; co++) {
        Vec* RESTRICT to = out[co] + p;
#pragma GCC unroll 4
        for (int i = 0; i < PX; i++) to[i] = sum[co][i];
        if (!moments) continue;
        Vec total = sum[co][0], square = sum[co][0] * sum[co][0];
#pragma GCC unroll 4
        for (int i = 1; i < PX; i++) {
            total += sum[co][i];
            square += sum[co][i] * sum[co][i];
        }
        moments[co].sum += total;
        moments[co].square += square;
    }
}

// Pointwise over the pixels [first, last): out[co] = bias[co] + sum over ci of weight[co][ci] · in[ci]; weights are
// `packed`, `bias` and `moments` (added to) may be null.
INLINE void pointwise(Vec* const* out, int channels_out, const Vec* const* in, int channels_in,
                      const float* RESTRICT weight, const float* RESTRICT bias, int first, int last, Moments* moments) {
    in_pieces<TILES.mix_channels>(channels_out, [&](auto co_count, int co) INLINED {
        constexpr int CO = co_count.value;
        const float* RESTRICT tile = weight + co * channels_in;
        in_pieces<TILES.mix_pixels>(last - first, [&](auto px_count, int x) INLINED {
            constexpr int PX = px_count.value;
            const int p = first + x;
            Vec sum[CO][PX];
#pragma GCC unroll 8
            for (int c = 0; c < CO; c++)
#pragma GCC unroll 4
                for (int i = 0; i < PX; i++) sum[c][i] = splat(bias ? bias[co + c] : 0.0f);
            for (int ci = 0; ci < channels_in; ci++) {
                const Vec* RESTRICT from = in[ci] + p;
                Vec v[PX];
#pragma GCC unroll 4
                for (int i = 0; i < PX; i++) v[i] = from[i];
#pragma GCC unroll 8
                for (int c = 0; c < CO; c++)
#pragma GCC unroll 4
                    for (int i = 0; i < PX; i++) sum[c][i] += v[i] * tile[ci * CO + c];
            }
            store_tile<CO, PX>(out + co, sum, p, moments ? moments + co : nullptr);
        });
    });
}

// sums[co][ci] += sum over the pixels [first, last) of d_out[co][p] · in[ci][p], lane by lane
INLINE void pointwise_weight_gradient(Vec* RESTRICT sums, const Vec* const* d_out, int channels_out,
                                      const Vec* const* in, int channels_in, int first, int last) {
    in_pieces<TILES.product_out>(channels_out, [&](auto co_count, int co) INLINED {
        in_pieces<TILES.product_in>(channels_in, [&](auto ci_count, int ci) INLINED {
            constexpr int CO = co_count.value, CI = ci_count.value;
            Vec* RESTRICT at = sums + co * channels_in + ci;
            const Vec *d[CO], *v[CI];
            for (int i = 0; i < CO; i++) d[i] = d_out[co + i];
            for (int i = 0; i < CI; i++) v[i] = in[ci + i];
            Vec sum[CO][CI];
#pragma GCC unroll 32
            for (int i = 0; i < CO * CI; i++) sum[i / CI][i % CI] = at[i / CI * channels_in + i % CI];
            for (int p = first; p < last; p++) {
                Vec x[CI];
#pragma GCC unroll 8
                for (int i = 0; i < CI; i++) x[i] = v[i][p];
#pragma GCC unroll 8
                for (int o = 0; o < CO; o++) {
                    const Vec y = d[o][p];
#pragma GCC unroll 8
                    for (int i = 0; i < CI; i++) sum[o][i] += y * x[i];
                }
            }
#pragma GCC unroll 32
            for (int i = 0; i < CO * CI; i++) at[i / CI * channels_in + i % CI] = sum[i / CI][i % CI];
        });
    });
}

// Dense 3×3 with stride S: out[co] = bias[co] + sum over ci, taps of weight[co][ci][tap] · padded[ci][S·p + tap]; as
// `pointwise`. `shape` is of the input. EVERY: of the input only each EVERY-th row, from the first, is not zero.
template <int S, int EVERY = 1>
INLINE void dense3(Vec* const* out, int channels_out, const Vec* padded, int channels_in, const float* RESTRICT weight,
                   const float* RESTRICT bias, const Padded& shape, Moments* moments) {
    const size_t plane = shape.vectors();
    const int stride = shape.stride();
    const int height = (shape.height + S - 1) / S, width = (shape.width + S - 1) / S;
    for (int row = 0; row < height; row++) {
        const int above = row == 0, below = S * row + 1 == shape.height;
        in_pieces<TILES.dense_channels>(channels_out, [&](auto co_count, int co) INLINED {
            constexpr int CO = co_count.value;
            const float* RESTRICT tile = weight + co * channels_in * 9;
            in_pieces<TILES.dense_pixels>(width, [&](auto px_count, int x) INLINED {
                constexpr int PX = px_count.value;
                Vec sum[CO][PX];
#pragma GCC unroll 8
                for (int c = 0; c < CO; c++)
#pragma GCC unroll 4
                    for (int i = 0; i < PX; i++) sum[c][i] = splat(bias ? bias[co + c] : 0.0f);
                for (int ci = 0; ci < channels_in; ci++)
                    for (int ky = above; ky < 3 - below; ky++) {
                        if (EVERY > 1 && (row + ky - 1) % EVERY) continue;
                        const Vec* RESTRICT line = padded + ci * plane + (S * row + ky) * stride + S * x;
                        const float* RESTRICT w = tile + (ci * 9 + ky * 3) * CO;
#pragma GCC unroll 1  // or the loads of neighbours are shared, for which there are not enough registers
                        for (int kx = 0; kx < 3; kx++) {
                            Vec v[PX];
#pragma GCC unroll 4
                            for (int i = 0; i < PX; i++) v[i] = line[kx + S * i];
#pragma GCC unroll 8
                            for (int c = 0; c < CO; c++)
#pragma GCC unroll 4
                                for (int i = 0; i < PX; i++) sum[c][i] += v[i] * w[kx * CO + c];
                        }
                    }
                store_tile<CO, PX>(out + co, sum, row * width + x, moments ? moments + co : nullptr);
            });
        });
    }
}

// sums[co][ci][tap] += sum over p of d_out[co][p] · padded[ci][S·p + tap], lane by lane; `d_out` is padded too, in the shape
// `out`. A tile of output channels is finished before the next, so that its sums, and some rows of its gradient, stay in
// the cache.
template <int S>
INLINE void dense3_weight_gradient(Vec* RESTRICT sums, const Vec* d_out, int channels_out, const Padded& out,
                                   const Vec* padded, int channels_in, const Padded& shape) {
    const size_t plane = shape.vectors();
    const int stride = shape.stride(), fit = int(BAND_BYTES / (sizeof(Vec) * out.stride() * TILES.dense_out));
    const int rows = std::max(fit, 1), bands = (out.height + rows - 1) / rows;
    in_pieces<TILES.dense_out>(channels_out, [&](auto co_count, int co) INLINED {
        constexpr int CO = co_count.value;
        const Vec* d[CO];
        for (int c = 0; c < CO; c++) d[c] = d_out + size_t(co + c) * out.vectors();
        for (int step = 0; step < bands * channels_in * 3; step++) {
            const int ky = step % 3, ci = step / 3 % channels_in, band = step / 3 / channels_in;
            const int first = std::max(out.height * band / bands, 1 - ky);
            const int last = std::min(out.height * (band + 1) / bands, (shape.height - ky) / S + 1);
            Vec* RESTRICT at = sums + (size_t(co) * channels_in + ci) * 9 + ky * 3;
            Vec sum[CO][3];
#pragma GCC unroll 24
            for (int i = 0; i < CO * 3; i++) sum[i / 3][i % 3] = at[i / 3 * channels_in * 9 + i % 3];
            for (int row = first; row < last; row++) {
                const Vec* RESTRICT from = padded + ci * plane + (S * row + ky) * stride;
                const int to = out.inside(row);
                for (int x = 0; x < out.width; x++) {
#pragma GCC unroll 8
                    for (int c = 0; c < CO; c++) {
                        const Vec v = d[c][to + x];
                        sum[c][0] += v * from[S * x];
                        sum[c][1] += v * from[S * x + 1];
                        sum[c][2] += v * from[S * x + 2];
                    }
                }
            }
#pragma GCC unroll 24
            for (int i = 0; i < CO * 3; i++) at[i / 3 * channels_in * 9 + i % 3] = sum[i / 3][i % 3];
        }
    });
}

}  // namespace commonweight
