// Depthwise, pointwise and dense convolution on one block of 16 images: forward, input gradient, weight gradient.
// Stride is 1 and sizes are kept; spatial kernels read planes that are already padded.

#pragma once

#include "lanes.h"

namespace commonweight {

#ifdef __AVX512F__
constexpr int TILE = 4;  // output pixels held in registers at once
#else
constexpr int TILE = 2;
#endif

// out[p] = sum over taps of weight[tap] * padded[p + tap]
template <int K>
INLINE void depthwise(Vec* RESTRICT out, const Vec* RESTRICT padded, const float* RESTRICT weight, const Padded& shape,
                      int dilation) {
    const int stride = shape.stride();
    Vec w[K * K];
    for (int tap = 0; tap < K * K; tap++) w[tap] = splat(weight[tap]);
    for (int row = 0; row < shape.height; row++) {
        const Vec* RESTRICT from = padded + row * stride;
        Vec* RESTRICT to = out + row * shape.width;
        int x = 0;
        for (; x + TILE <= shape.width; x += TILE) {
            Vec sum[TILE] = {};
#pragma GCC unroll 7
            for (int ky = 0; ky < K; ky++)
#pragma GCC unroll 7
                for (int kx = 0; kx < K; kx++)
#pragma GCC unroll 4
                    for (int i = 0; i < TILE; i++)
                        sum[i] += w[ky * K + kx] * from[ky * dilation * stride + x + i + kx * dilation];
            for (int i = 0; i < TILE; i++) to[x + i] = sum[i];
        }
        for (; x < shape.width; x++) {
            Vec sum = {};
#pragma GCC unroll 7
            for (int ky = 0; ky < K; ky++)
#pragma GCC unroll 7
                for (int kx = 0; kx < K; kx++)
                    sum += w[ky * K + kx] * from[ky * dilation * stride + x + kx * dilation];
            to[x] = sum;
        }
    }
}

// gradient[tap] += sum over p of padded[p + tap] * d_out[p]; d_out is the inside of a padded plane of the same shape
template <int K>
INLINE void depthwise_weight_gradient(float* RESTRICT gradient, const Vec* RESTRICT padded, const Vec* RESTRICT d_out,
                                      const Padded& shape, int dilation) {
    const int stride = shape.stride();
    constexpr int AT_ONCE = K <= 5 ? K * K : K;  // accumulators that fit the registers: all taps, or a row of them
    for (int first = 0; first < K * K; first += AT_ONCE) {
        Vec sum[AT_ONCE] = {};
        for (int row = 0; row < shape.height; row++) {
            const Vec* RESTRICT from = padded + row * stride;
            const Vec* RESTRICT d = d_out + shape.inside(row);
            for (int x = 0; x < shape.width; x++) {
                const Vec v = d[x];
#pragma GCC unroll 25
                for (int i = 0; i < AT_ONCE; i++) {
                    const int tap = first + i;
                    sum[i] += v * from[(tap / K) * dilation * stride + x + (tap % K) * dilation];
                }
            }
        }
        for (int i = 0; i < AT_ONCE; i++) gradient[first + i] += sum_of_lanes(sum[i]);
    }
}

template <int CO, int PX>
INLINE void mix_tile(Vec* const* RESTRICT out, const Vec* const* RESTRICT in, int channels_in,
                     const float* RESTRICT weight, const float* RESTRICT bias, int p) {
    Vec sum[CO][PX];
    for (int co = 0; co < CO; co++)
        for (int i = 0; i < PX; i++) sum[co][i] = splat(bias ? bias[co] : 0.0f);
    for (int ci = 0; ci < channels_in; ci++) {
        Vec v[PX];
        for (int i = 0; i < PX; i++) v[i] = in[ci][p + i];
#pragma GCC unroll 8
        for (int co = 0; co < CO; co++)
#pragma GCC unroll 4
            for (int i = 0; i < PX; i++) sum[co][i] += v[i] * weight[co * channels_in + ci];
    }
    for (int co = 0; co < CO; co++)
        for (int i = 0; i < PX; i++) out[co][p + i] = sum[co][i];
}

template <int CO>
INLINE void mix_rows(Vec* const* out, const Vec* const* in, int channels_in, const float* weight, const float* bias,
                     int pixels) {
#ifdef __AVX512F__
    constexpr int PX = 3;
#else
    constexpr int PX = 1;
#endif
    int p = 0;
    for (; p + PX <= pixels; p += PX) mix_tile<CO, PX>(out, in, channels_in, weight, bias, p);
    for (; p < pixels; p++) mix_tile<CO, 1>(out, in, channels_in, weight, bias, p);
}

// Pointwise: out[co] = bias[co] + sum over ci of weight[co][ci] * in[ci], planes given by pointers
inline void pointwise(Vec* const* out, int channels_out, const Vec* const* in, int channels_in, const float* weight,
                      const float* bias, int pixels) {
    int co = 0;
    for (; co + 8 <= channels_out; co += 8)
        mix_rows<8>(out + co, in, channels_in, weight + co * channels_in, bias ? bias + co : nullptr, pixels);
    for (; co + 4 <= channels_out; co += 4)
        mix_rows<4>(out + co, in, channels_in, weight + co * channels_in, bias ? bias + co : nullptr, pixels);
    for (; co < channels_out; co++)
        mix_rows<1>(out + co, in, channels_in, weight + co * channels_in, bias ? bias + co : nullptr, pixels);
}

template <int CO, int CI>
INLINE void product_tile(float* RESTRICT gradient, const Vec* const* RESTRICT d_out, const Vec* const* RESTRICT in,
                         int channels_in, int pixels) {
    Vec sum[CO][CI] = {};
    for (int p = 0; p < pixels; p++) {
        Vec v[CI];
        for (int ci = 0; ci < CI; ci++) v[ci] = in[ci][p];
#pragma GCC unroll 4
        for (int co = 0; co < CO; co++) {
            const Vec d = d_out[co][p];
#pragma GCC unroll 4
            for (int ci = 0; ci < CI; ci++) sum[co][ci] += d * v[ci];
        }
    }
    for (int co = 0; co < CO; co++)
        for (int ci = 0; ci < CI; ci++) gradient[co * channels_in + ci] += sum_of_lanes(sum[co][ci]);
}

// gradient[co][ci] += sum over p of d_out[co][p] * in[ci][p]
inline void pointwise_weight_gradient(float* gradient, const Vec* const* d_out, int channels_out, const Vec* const* in,
                                      int channels_in, int pixels) {
    int co = 0;
    for (; co + 4 <= channels_out; co += 4) {
        int ci = 0;
        for (; ci + 4 <= channels_in; ci += 4)
            product_tile<4, 4>(gradient + co * channels_in + ci, d_out + co, in + ci, channels_in, pixels);
        for (; ci < channels_in; ci++)
            product_tile<4, 1>(gradient + co * channels_in + ci, d_out + co, in + ci, channels_in, pixels);
    }
    for (; co < channels_out; co++)
        for (int ci = 0; ci < channels_in; ci++)
            product_tile<1, 1>(gradient + co * channels_in + ci, d_out + co, in + ci, channels_in, pixels);
}

template <int CO, int PX>
INLINE void dense_tile(Vec* const* RESTRICT out, const Vec* RESTRICT from, size_t plane, int channels_in,
                       const float* RESTRICT weight, const float* RESTRICT bias, int stride, int to) {
    Vec sum[CO][PX];
    for (int co = 0; co < CO; co++)
        for (int i = 0; i < PX; i++) sum[co][i] = splat(bias ? bias[co] : 0.0f);
    for (int ci = 0; ci < channels_in; ci++)
        for (int tap = 0; tap < 9; tap++) {
            const Vec* RESTRICT line = from + ci * plane + (tap / 3) * stride + tap % 3;
            Vec v[PX];
            for (int i = 0; i < PX; i++) v[i] = line[i];
#pragma GCC unroll 8
            for (int co = 0; co < CO; co++)
#pragma GCC unroll 4
                for (int i = 0; i < PX; i++) sum[co][i] += v[i] * weight[(co * channels_in + ci) * 9 + tap];
        }
    for (int co = 0; co < CO; co++)
        for (int i = 0; i < PX; i++) out[co][to + i] = sum[co][i];
}

template <int CO>
INLINE void dense_rows(Vec* const* out, const Vec* padded, int channels_in, const float* weight, const float* bias,
                       const Padded& shape) {
#ifdef __AVX512F__
    constexpr int PX = 3;
#else
    constexpr int PX = 1;
#endif
    const size_t plane = shape.vectors();
    const int stride = shape.stride();
    for (int row = 0; row < shape.height; row++) {
        const Vec* from = padded + row * stride;
        int x = 0;
        for (; x + PX <= shape.width; x += PX)
            dense_tile<CO, PX>(out, from + x, plane, channels_in, weight, bias, stride, row * shape.width + x);
        for (; x < shape.width; x++)
            dense_tile<CO, 1>(out, from + x, plane, channels_in, weight, bias, stride, row * shape.width + x);
    }
}

// Dense 3×3: out[co] = bias[co] + sum over ci, taps of weight[co][ci][tap] * padded[ci][p + tap]; margin 1
inline void dense3(Vec* const* out, int channels_out, const Vec* padded, int channels_in, const float* weight,
                   const float* bias, const Padded& shape) {
    int co = 0;
    for (; co + 8 <= channels_out; co += 8)
        dense_rows<8>(out + co, padded, channels_in, weight + co * channels_in * 9, bias ? bias + co : nullptr, shape);
    for (; co < channels_out; co++)
        dense_rows<1>(out + co, padded, channels_in, weight + co * channels_in * 9, bias ? bias + co : nullptr, shape);
}

template <int CO>
INLINE void dense3_gradient_tile(float* RESTRICT gradient, const Vec* const* RESTRICT d_out,
                                 const Vec* RESTRICT padded, int channels_in, const Padded& shape) {
    const int stride = shape.stride();
    for (int ky = 0; ky < 3; ky++) {
        Vec sum[CO][3] = {};
        for (int row = 0; row < shape.height; row++) {
            const Vec* RESTRICT from = padded + (row + ky) * stride;
            for (int x = 0; x < shape.width; x++) {
#pragma GCC unroll 4
                for (int co = 0; co < CO; co++) {
                    const Vec d = d_out[co][row * shape.width + x];
                    sum[co][0] += d * from[x];
                    sum[co][1] += d * from[x + 1];
                    sum[co][2] += d * from[x + 2];
                }
            }
        }
        for (int co = 0; co < CO; co++)
            for (int kx = 0; kx < 3; kx++) gradient[co * channels_in * 9 + ky * 3 + kx] += sum_of_lanes(sum[co][kx]);
    }
}

// gradient[co][ci][tap] += sum over p of d_out[co][p] * padded[ci][p + tap]
inline void dense3_weight_gradient(float* gradient, const Vec* const* d_out, int channels_out, const Vec* padded,
                                   int channels_in, const Padded& shape) {
    for (int ci = 0; ci < channels_in; ci++) {
        const Vec* plane = padded + size_t(ci) * shape.vectors();
        int co = 0;
        for (; co + 4 <= channels_out; co += 4)
            dense3_gradient_tile<4>(gradient + (co * channels_in + ci) * 9, d_out + co, plane, channels_in, shape);
        for (; co < channels_out; co++)
            dense3_gradient_tile<1>(gradient + (co * channels_in + ci) * 9, d_out + co, plane, channels_in, shape);
    }
}

}  // namespace commonweight
