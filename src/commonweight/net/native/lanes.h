// One register as a vector of images, and the few plain loops over such vectors that every kernel is made of.
//
// An activation of one copy is [block][channel][row][column][lane]: a block holds LANES images, one per lane, so every
// spatial or channel-wise operation is the same instruction on that many images and no width, channel count or kernel
// size is special. A vector is exactly one register of the build: compilers keep wider ones in memory.
// Lanes past the end of the batch are masked wherever a sum over images could see them.

#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

namespace commonweight {

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX2__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;  // SSE2, NEON
#endif

typedef float Vec __attribute__((vector_size(LANES * 4)));  // may be read and written as floats
typedef int32_t IntVec __attribute__((vector_size(LANES * 4), may_alias));
typedef uint8_t ByteVec __attribute__((vector_size(LANES)));

#define RESTRICT __restrict__
#define INLINED __attribute__((always_inline))
#define INLINE inline INLINED

INLINE Vec splat(float value) { return value - Vec{}; }

// NaN passes, as in PyTorch.
INLINE Vec relu(Vec v) { return v < 0.0f ? Vec{} : v; }

// Calls work with the flag as a constant, so that loops inside have no branch.
template <class Work>
INLINE void when(bool flag, Work work) {
    flag ? work(std::true_type()) : work(std::false_type());
}

// Sum of the first `lanes` of a vector, halves first.
INLINE float sum_of_lanes(Vec v, int lanes = LANES) {
    float part[LANES];
    std::memcpy(part, &v, sizeof part);
    for (int lane = lanes; lane < LANES; lane++) part[lane] = 0;
#pragma GCC unroll 4
    for (int half = LANES / 2; half; half /= 2)
#pragma GCC unroll 8
        for (int lane = 0; lane < half; lane++) part[lane] += part[lane + half];
    return part[0];
}

// The sizes of one run of a program: how many blocks of images, and how many lanes of the last one are images.
struct Run {
    int blocks;
    int last_lanes;
    int copy;
    int height;
    int width;
    int64_t images() const { return int64_t(blocks - 1) * LANES + last_lanes; }
    int pixels() const { return height * width; }
    // The same images at half the height and width, rounded up.
    Run halved() const { return {blocks, last_lanes, copy, (height + 1) / 2, (width + 1) / 2}; }
    int lanes(int block) const { return block == blocks - 1 ? last_lanes : LANES; }
};

// 1 in lanes that hold an image of this block, 0 in the others.
INLINE Vec lane_mask(const Run& run, int block) {
    Vec mask = splat(1);
    for (int lane = run.lanes(block); lane < LANES; lane++) mask[lane] = 0;
    return mask;
}

// What kernels need memory for while they run. Each purpose has memory of its own, so that two can be used at once.
enum class Scratch {
    ACTIVE, MIDDLE, D_OUT, D_MIDDLE, PADDED, D_PADDED, D_SPREAD, TAPS, SPATIAL_SUMS, MIXING_SUMS, MOMENTS, HEAD
};

// Memory for one purpose; grows, and is kept for the next kernel. One set per thread.
template <Scratch FOR>
Vec* scratch(size_t vectors) {
    static thread_local std::vector<char> memory;
    const size_t bytes = vectors * sizeof(Vec) + 64;
    if (memory.size() < bytes) memory.assign(bytes, 0);
    return reinterpret_cast<Vec*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) & ~uintptr_t(63));
}

// Zeros for sums.
template <Scratch FOR>
Vec* cleared(size_t vectors) {
    Vec* start = scratch<FOR>(vectors);
    std::memset(static_cast<void*>(start), 0, vectors * sizeof(Vec));
    return start;
}

struct Plane {
    int height, width;
    int pixels() const { return height * width; }
};

// A plane with a border of one pixel on each side, for dense 3×3 convolution and pooling.
struct Padded {
    int height, width;
    int stride() const { return width + 2; }
    int vectors() const { return (height + 2) * stride(); }
    int inside(int row) const { return (row + 1) * stride() + 1; }
};

// Padded planes to fill the inside of; the border is set here and is never written by the callers.
template <Scratch FOR>
Vec* padded_scratch(const Padded& shape, int planes, float border = 0) {
    Vec* start = scratch<FOR>(size_t(shape.vectors()) * planes);
    for (int plane = 0; plane < planes; plane++) {
        Vec* at = start + size_t(plane) * shape.vectors();
        for (int x = 0; x < shape.stride(); x++) at[x] = at[shape.vectors() - 1 - x] = splat(border);
        for (int row = 0; row < shape.height; row++)
            at[shape.inside(row) - 1] = at[shape.inside(row) + shape.width] = splat(border);
    }
    return start;
}

// Some planes' worth of pixels [first, last): a kernel that mixes channels goes through a block in such strips, so that
// what one pass leaves is still in the cache for the next.
constexpr int SHORTEST = 24;  // strip, in pixels: below, tiles at its end cost more than the cache gains

template <class Work>
INLINE void in_strips(int pixels, int channels, size_t bytes, Work work) {
    const int length = std::max(int(bytes / (sizeof(Vec) * channels)), SHORTEST);
    const int count = (pixels + length - 1) / length;
    for (int i = 0; i < count; i++) work(int(int64_t(pixels) * i / count), int(int64_t(pixels) * (i + 1) / count));
}

}  // namespace commonweight
