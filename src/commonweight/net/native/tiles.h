// How much a kernel holds in registers at once: the one table of what differs between builds. A row is chosen by
// measurement (docs/engine.md, "What limits it"); sums × what feeds them must fit the build's register file.

#pragma once

#include "lanes.h"

namespace commonweight {

struct Tiles {
    int columns;        // depthwise: output pixels of a row
    int tap_rows[3];    // depthwise weight gradient: rows of taps, for kernels of 3, 5 and 7
    int tap_columns[3]; // and pixels of a row of the gradient held beside them
    int mix_channels;   // pointwise: output channels
    int mix_pixels;     // and pixels
    int dense_channels; // dense: output channels
    int dense_pixels;   // and pixels of a row
    int product_out;    // pointwise weight gradient: output channels
    int product_in;     // and input channels
    int dense_out;      // dense weight gradient: output channels, with a row of three taps each
};

#if defined(__AVX512F__)  // 32 registers
constexpr Tiles TILES{8, {3, 3, 2}, {8, 8, 8}, 8, 3, 8, 3, 4, 4, 8};
#elif defined(__AVX2__)  // 16 registers
constexpr Tiles TILES{8, {3, 2, 1}, {4, 4, 7}, 4, 3, 6, 2, 4, 3, 4};
#elif defined(__aarch64__)  // 32 registers; as AVX-512, unmeasured
constexpr Tiles TILES{8, {3, 3, 2}, {8, 8, 8}, 8, 3, 8, 3, 4, 4, 8};
#else  // SSE2: 16 registers, and a multiply-add needs one between its halves
constexpr Tiles TILES{8, {3, 2, 1}, {4, 3, 6}, 4, 2, 4, 2, 4, 2, 3};
#endif

constexpr size_t STRIP_BYTES = size_t(1) << 14;  // of the channels of one strip
constexpr size_t BAND_BYTES = size_t(1) << 16;   // of the rows of a tile of output channels, in a dense weight gradient

}  // namespace commonweight
