// 3×3 pooling, stride 1, on one plane of 16 images; the border sees only the image.

#pragma once

#include "lanes.h"

namespace commonweight {

// Largest of the 3×3 window of each pixel; `taps` remembers which tap it was, the first among equals, as PyTorch does.
template <bool REMEMBER>
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
                const IntVec larger = v > best;
                best = larger ? v : best;
                if (REMEMBER) tap = larger ? IntVec{} + i : tap;
            }
            out[row * shape.width + x] = best;
            if (REMEMBER) taps[row * shape.width + x] = __builtin_convertvector(tap, ByteVec);
        }
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
