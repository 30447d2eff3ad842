// Depthwise convolution of one plane, stride 1, size kept: forward (also the input gradient, with the kernel turned) and
// weight gradient. Nothing is padded: taps that fall outside the image are skipped, which is most of them in a small
// image under a dilated kernel. A row of taps stays in registers while the pixels of a row slide past, so each pixel is
// loaded once for all the outputs that it counts in.

#pragma once

#include <algorithm>
#include <utility>

#include "tiles.h"

namespace commonweight {

// The taps [first, last) of a kernel of side K that fall inside, along an axis of `size` pixels seen from pixel `at`.
template <int K, int D>
INLINE std::pair<int, int> inside(int at, int size) {
    const int above = at / D, below = (size - 1 - at) / D;
    return {std::max(0, K / 2 - above), std::min(K, K / 2 + below + 1)};
}

// Calls work(N, x) for tiles of at most MOST pixels that cover a row, N known to the compiler and as even as possible.
template <int MOST, class Work, int N = MOST>
INLINE void sized(int size, Work work) {
    if constexpr (N > 0) {
        if (size == N) return work(std::integral_constant<int, N>());
        sized<MOST, Work, N - 1>(size, work);
    }
}

template <int MOST, class Work>
INLINE void in_tiles(int width, Work work) {
    const int count = (width + MOST - 1) / MOST;
    for (int i = 0, x = 0; i < count; i++) {
        const int end = width * (i + 1) / count;
        sized<MOST>(end - x, [&](auto n) INLINED { work(n, x); });
        x = end;
    }
}

// out[p] = sum over taps of weight[tap] · in[p + tap]. `ready(rows)` is called before the first `rows` rows of the plane
// are read, and `store(p, sum)` takes the results.
template <int K, int D, class Ready, class Store>
INLINE void depthwise(const Vec* in, const float* RESTRICT weight, Plane plane, Ready ready, Store store) {
    constexpr int M = K / 2 * D;
    const int width = plane.width;
    for (int row = 0; row < plane.height; row++) {
        ready(std::min(row + M + 1, plane.height));
        const auto taps = inside<K, D>(row, plane.height);
        in_tiles<TILES.columns>(width, [&](auto n, int x) INLINED {
            constexpr int N = n.value;
            Vec sum[N] = {};
            for (int ky = taps.first; ky < taps.second; ky++) {
                const Vec* RESTRICT from = in + (row + (ky - K / 2) * D) * width + x;
                Vec w[K];
#pragma GCC unroll 7
                for (int kx = 0; kx < K; kx++) w[kx] = splat(weight[ky * K + kx]);
#pragma GCC unroll 32
                for (int j = -M; j < N + M; j++) {
                    if (unsigned(x + j) >= unsigned(width)) continue;
                    const Vec v = from[j];
#pragma GCC unroll 7
                    for (int kx = 0; kx < K; kx++) {
                        const int i = j - (kx - K / 2) * D;
                        if (i >= 0 && i < N) sum[i] += w[kx] * v;
                    }
                }
            }
#pragma GCC unroll 16
            for (int i = 0; i < N; i++) store(row * width + x + i, sum[i]);
        });
    }
}

// sums[tap] += sum over p of in[p + tap] · d_out[p], lane by lane
template <int K, int D>
INLINE void depthwise_weight_gradient(Vec* sums, const Vec* in, const Vec* d_out, Plane plane) {
    constexpr int M = K / 2 * D, R = TILES.tap_rows[K / 2 - 1], MOST = TILES.tap_columns[K / 2 - 1];
    const int width = plane.width;
    const auto rows_of_taps = [&](auto r, int first) INLINED {
        constexpr int ROWS = r.value;
        in_tiles<MOST>(width, [&](auto n, int x) INLINED {
            constexpr int N = n.value;
            Vec sum[ROWS][K];
#pragma GCC unroll 64
            for (int tap = 0; tap < ROWS * K; tap++) sum[tap / K][tap % K] = sums[first * K + tap];
            for (int row = 0; row < plane.height; row++) {
                Vec d[N];
#pragma GCC unroll 16
                for (int i = 0; i < N; i++) d[i] = d_out[row * width + x + i];
#pragma GCC unroll 7
                for (int k = 0; k < ROWS; k++) {
                    const int other = row + (first + k - K / 2) * D;
                    if (unsigned(other) >= unsigned(plane.height)) continue;
                    const Vec* from = in + other * width + x;
#pragma GCC unroll 32
                    for (int j = -M; j < N + M; j++) {
                        if (unsigned(x + j) >= unsigned(width)) continue;
                        const Vec v = from[j];
#pragma GCC unroll 7
                        for (int kx = 0; kx < K; kx++) {
                            const int i = j - (kx - K / 2) * D;
                            if (i >= 0 && i < N) sum[k][kx] += d[i] * v;
                        }
                    }
                }
            }
#pragma GCC unroll 64
            for (int tap = 0; tap < ROWS * K; tap++) sums[first * K + tap] = sum[tap / K][tap % K];
        });
    };
    int first = 0;
    for (; first + R <= K; first += R) rows_of_taps(std::integral_constant<int, R>(), first);
    if constexpr (K % R != 0) rows_of_taps(std::integral_constant<int, K % R>(), first);
}

}  // namespace commonweight
