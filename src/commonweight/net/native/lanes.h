// Vectors of 16 images, and the few plain loops over them that every kernel is made of.
//
// An activation of one copy is [block][channel][row][column][lane]: a block holds 16 images, one per lane, so every
// spatial or channel-wise operation is the same instruction on 16 images and no width, channel count or kernel size is
// special. GCC and Clang lower Vec to one AVX-512 register, two AVX2 ones, or whatever the target has.
// Lanes past the end of the batch hold zeros everywhere a sum could see them.

#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace commonweight {

constexpr int LANES = 16;
typedef float Vec __attribute__((vector_size(64), may_alias));
typedef int32_t IntVec __attribute__((vector_size(64), may_alias));
typedef uint8_t ByteVec __attribute__((vector_size(16), may_alias));

#define RESTRICT __restrict__
#define INLINE inline __attribute__((always_inline))

INLINE Vec splat(float value) { return Vec{} + value; }

INLINE Vec relu(Vec v) { return v > 0.0f ? v : Vec{}; }

INLINE float sum_of_lanes(Vec v) {
    float total = 0;
    for (int lane = 0; lane < LANES; lane++) total += v[lane];
    return total;
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
};

// 1 in lanes that hold an image of this block, 0 in the others.
INLINE Vec lane_mask(const Run& run, int block) {
    Vec mask = splat(1);
    if (block == run.blocks - 1)
        for (int lane = run.last_lanes; lane < LANES; lane++) mask[lane] = 0;
    return mask;
}

// Memory that a kernel needs while it runs; grows, and is kept for the next kernel. One set per thread.
template <int SLOT>
Vec* scratch(size_t vectors) {
    static thread_local std::vector<char> memory;
    const size_t bytes = vectors * sizeof(Vec) + 64;
    if (memory.size() < bytes) memory.assign(bytes, 0);
    return reinterpret_cast<Vec*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) & ~uintptr_t(63));
}

// A plane with a border of `margin` pixels on each side.
struct Padded {
    int height, width, margin;
    int stride() const { return width + 2 * margin; }
    int vectors() const { return (height + 2 * margin) * stride(); }
    int inside(int row) const { return (row + margin) * stride() + margin; }
};

// Padded planes for a kernel to fill the inside of. The border holds `border` from the start and is never written, so it
// is set only when the shape changes; each margin has its own memory, as a network has one image size.
template <int SLOT>
Vec* padded_scratch(const Padded& shape, int planes, float border = 0) {
    struct Kept {
        Padded shape{0, 0, 0};
        int planes = 0;
        std::vector<char> memory;
    };
    static thread_local Kept kept[5];
    Kept& mine = kept[shape.margin];
    const size_t vectors = size_t(shape.vectors()) * planes;
    const bool fits = mine.shape.height == shape.height && mine.shape.width == shape.width && mine.planes >= planes;
    if (!fits) mine = {shape, planes, std::vector<char>(vectors * sizeof(Vec) + 64)};
    Vec* start = reinterpret_cast<Vec*>((reinterpret_cast<uintptr_t>(mine.memory.data()) + 63) & ~uintptr_t(63));
    if (!fits)
        for (size_t i = 0; i < vectors; i++) start[i] = splat(border);
    return start;
}

// Copy a plane into the inside of a padded one, through ReLU if asked; the border is the caller's.
template <bool RELU>
INLINE void pad_into(Vec* RESTRICT to, const Vec* RESTRICT from, const Padded& shape) {
    for (int row = 0; row < shape.height; row++) {
        Vec* RESTRICT line = to + shape.inside(row);
        for (int x = 0; x < shape.width; x++) {
            const Vec v = from[row * shape.width + x];
            line[x] = RELU ? relu(v) : v;
        }
    }
}

}  // namespace commonweight
