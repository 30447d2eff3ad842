// 3×3 pooling, stride 1, and 2×2, stride 2, on one plane; at the border a window holds only the pixels inside the image.

#pragma once

#include <cmath>

#include "lanes.h"

namespace commonweight {

// Whether a plane holds a NaN (or an infinity) in any of its lanes.
INLINE bool has_nan(const Vec* RESTRICT padded, const Padded& shape) {
    Vec poison = {};
    for (int row = 0; row < shape.height; row++)
        for (int x = 0; x < shape.width; x++) poison += padded[shape.inside(row) + x] * 0.0f;
    const float sum = sum_of_lanes(poison);
    return sum != sum;
}

// Largest of the 3×3 window of each pixel, a NaN above every number; `taps` remembers which tap it was, the first among
// equals and the last NaN, as PyTorch does. NANS: there may be some.
template <bool NANS>
INLINE void max_pool(Vec* RESTRICT out, ByteVec* RESTRICT taps, const Vec* RESTRICT padded, const Padded& shape) {
    const int stride = shape.stride();
    for (int row = 0; row < shape.height; row++)
        for (int x = 0; x < shape.width; x++) {
            const Vec* RESTRICT from = padded + row * stride + x;
            Vec best = from[0];
            IntVec tap = {};
#pragma GCC unroll 8
            for (int i = 1; i < 9; i++) {
                const Vec v = from[(i / 3) * stride + i % 3];
                const IntVec larger = NANS ? (v > best) | (v != v) : v > best;
                best = larger ? v : best;
                tap = larger ? IntVec{} + i : tap;
            }
            out[row * shape.width + x] = best;
            taps[row * shape.width + x] = __builtin_convertvector(tap, ByteVec);
        }
}

// The larger; b where either is NaN.
INLINE Vec larger(Vec a, Vec b) { return a > b ? a : b; }

// Sees a window of 3×3 pixels, a NaN above every number.
INLINE Vec largest_with_nans(const Vec* in, const Plane& plane, int row, int x) {
    Vec best = splat(-INFINITY);
    for (int r = std::max(row - 1, 0); r <= std::min(row + 1, plane.height - 1); r++)
        for (int c = std::max(x - 1, 0); c <= std::min(x + 1, plane.width - 1); c++) {
            const Vec v = in[r * plane.width + c];
            best = (v > best) | (v != v) ? v : best;
        }
    return best;
}

// factor · largest + shift, on a plane that is not padded: at the border a window sees its own pixels twice instead. The
// largest of each column of three is shared by the windows beside each other.
INLINE void max_pool_eval(Vec* RESTRICT out, const Vec* RESTRICT in, const Plane& plane, float factor, float shift) {
    const int width = plane.width;
    Vec poison = {};
    for (int row = 0; row < plane.height; row++) {
        const Vec* RESTRICT above = in + std::max(row - 1, 0) * width;
        const Vec* RESTRICT here = in + row * width;
        const Vec* RESTRICT below = in + std::min(row + 1, plane.height - 1) * width;
        Vec* RESTRICT to = out + row * width;
        const auto column = [&](int x) INLINED { return larger(larger(above[x], below[x]), here[x]); };
        Vec middle = column(0), left = middle;
        for (int x = 0; x < width; x++) {
            poison += here[x] * 0.0f;
            const Vec right = x + 1 < width ? column(x + 1) : middle;
            to[x] = larger(larger(left, right), middle) * factor + shift;
            left = middle;
            middle = right;
        }
    }
    const float seen = sum_of_lanes(poison);
    if (seen == seen) return;
    for (int row = 0; row < plane.height; row++)
        for (int x = 0; x < width; x++) out[row * width + x] = largest_with_nans(in, plane, row, x) * factor + shift;
}

// d_in[p] (+)= sum of d_out over the windows whose largest pixel was p. `d_out` and `winners` (the taps) are padded by 1;
// the border of d_out is zero.
template <bool ADD>
INLINE void max_pool_gradient(Vec* RESTRICT d_in, const IntVec* RESTRICT winners, const Vec* RESTRICT d_out,
                              const Padded& shape) {
    const int stride = shape.stride();
    for (int row = 0; row < shape.height; row++)
        for (int x = 0; x < shape.width; x++) {
            // The window whose tap i is this pixel is centred one to the other side of it.
            const int centre = shape.inside(row) + x;
            Vec sum = ADD ? d_in[row * shape.width + x] : Vec{};
#pragma GCC unroll 9
            for (int i = 0; i < 9; i++) {
                const int at = centre + (1 - i / 3) * stride + 1 - i % 3;
                sum += winners[at] == i ? d_out[at] : Vec{};
            }
            d_in[row * shape.width + x] = sum;
        }
}

// How many pixels of the image the window at (row, x) covers.
INLINE int window(const Padded& shape, int row, int x) {
    const int rows = 3 - (row == 0) - (row == shape.height - 1), columns = 3 - (x == 0) - (x == shape.width - 1);
    return rows * columns;
}

// Mean of the 3×3 window over the image; padded with zeros by 1
INLINE void average_pool(Vec* RESTRICT out, const Vec* RESTRICT padded, const Padded& shape) {
    const int stride = shape.stride();
    for (int row = 0; row < shape.height; row++)
        for (int x = 0; x < shape.width; x++) {
            const Vec* RESTRICT from = padded + row * stride + x;
            Vec sum = {};
            for (int i = 0; i < 9; i++) sum += from[(i / 3) * stride + i % 3];
            out[row * shape.width + x] = sum * (1.0f / window(shape, row, x));
        }
}

// Mean of each window of 2×2 pixels, which do not overlap; the windows of an odd last row or column are smaller.
INLINE void halve(Vec* RESTRICT out, const Vec* RESTRICT in, Plane plane) {
    const int width = (plane.width + 1) / 2;
    for (int row = 0; row < plane.height; row += 2)
        for (int x = 0; x < plane.width; x += 2) {
            const int rows = std::min(2, plane.height - row), columns = std::min(2, plane.width - x);
            Vec sum = {};
            for (int i = 0; i < rows; i++)
                for (int j = 0; j < columns; j++) sum += in[(row + i) * plane.width + x + j];
            out[row / 2 * width + x / 2] = sum * (1.0f / (rows * columns));
        }
}

// d_in[p] (+)= d_out of the window that holds p / size of the window
INLINE void halve_gradient(Vec* RESTRICT d_in, const Vec* RESTRICT d_out, Plane plane, bool add) {
    const int width = (plane.width + 1) / 2;
    for (int row = 0; row < plane.height; row++)
        for (int x = 0; x < plane.width; x++) {
            const int rows = std::min(2, plane.height - row / 2 * 2), columns = std::min(2, plane.width - x / 2 * 2);
            const Vec each = d_out[row / 2 * width + x / 2] * (1.0f / (rows * columns));
            Vec& to = d_in[row * plane.width + x];
            to = add ? to + each : each;
        }
}

// d_in[p] (+)= sum over windows that hold p of d_out / size of the window; the inside of `d_out` is scaled in place
template <bool ADD>
INLINE void average_pool_gradient(Vec* RESTRICT d_in, Vec* RESTRICT d_out, const Padded& shape) {
    const int stride = shape.stride();
    for (int row = 0; row < shape.height; row++)
        for (int x = 0; x < shape.width; x++) d_out[shape.inside(row) + x] *= 1.0f / window(shape, row, x);
    for (int row = 0; row < shape.height; row++)
        for (int x = 0; x < shape.width; x++) {
            Vec sum = ADD ? d_in[row * shape.width + x] : Vec{};
            for (int i = 0; i < 9; i++) sum += d_out[(row + i / 3) * stride + x + i % 3];
            d_in[row * shape.width + x] = sum;
        }
}

}  // namespace commonweight
