// What one core of this machine can do: multiply-adds from registers, and bytes from the cache and from memory.
// Built by peak.py with the instruction set of the engine's build; prints JSON.

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

// One register, as the engine's vectors are.
#if defined(__AVX512F__)
constexpr int LANES = 16, CHAINS = 16;  // independent sums, one register each
#elif defined(__AVX2__)
constexpr int LANES = 8, CHAINS = 12;
#else
constexpr int LANES = 4, CHAINS = 12;
#endif
typedef float Vec __attribute__((vector_size(LANES * 4), aligned(LANES * 4)));

static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The best of a few runs of `work`, seconds: another process can only slow a run down.
template <class Work>
static double best(int runs, Work work) {
    double least = 1e30;
    for (int run = 0; run < runs; run++) {
        const double start = now();
        work();
        const double taken = now() - start;
        if (taken < least) least = taken;
    }
    return least;
}

static void used(const void* pointer) { asm volatile("" : : "r"(pointer) : "memory"); }

static void multiply_adds(long rounds, Vec* result) {
    Vec sum[CHAINS];
    for (int i = 0; i < CHAINS; i++) sum[i] = result[i];  // all different, or one chain would do for all
    Vec factor = Vec{} + 0.999f, term = Vec{} + 0.001f;
    asm volatile("" : "+m"(factor), "+m"(term));  // or the compiler would know the sums
    const Vec a = factor, b = term;
    for (long round = 0; round < rounds; round++)
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS; i++) sum[i] = sum[i] * a + b;
    for (int i = 0; i < CHAINS; i++) result[i] = sum[i];
    used(result);
}

static void read(const Vec* from, size_t count, Vec* result) {
    Vec sum[8] = {};
    for (size_t i = 0; i + 8 <= count; i += 8)
#pragma GCC unroll 8
        for (int k = 0; k < 8; k++) sum[k] += from[i + k];
    for (int k = 0; k < 8; k++) result[k] = sum[k];
    used(result);
}

static void write(Vec* to, size_t count, Vec value) {
    for (size_t i = 0; i < count; i++) {
        to[i] = value;
        asm volatile("" : : : "memory");  // plain stores as the kernels do them, not memset's
    }
}

static void copy(Vec* to, const Vec* from, size_t count) {
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
        asm volatile("" : : : "memory");
    }
}

// GB/s of each kind of traffic over arrays of `bytes` in all; a copy counts what it reads and what it writes.
static void bandwidth(const char* name, size_t bytes, const char* end) {
    const size_t count = bytes / sizeof(Vec), repeats = bytes < (size_t(1) << 24) ? (size_t(1) << 28) / bytes : 1;
    std::vector<Vec> memory(count, Vec{} + 1.0f);
    Vec* start = memory.data();
    Vec result[8];
    const auto rate = [&](auto work) {
        return double(repeats) * count * sizeof(Vec) / 1e9 / best(5, [&] {
                   for (size_t i = 0; i < repeats; i++) work();
               });
    };
    const double reading = rate([&] { read(start, count, result); });
    const double writing = rate([&] { write(start, count, result[0]); });
    const double copying = rate([&] { copy(start + count / 2, start, count / 2); });
    std::printf("\"%s\": {\"read\": %.4g, \"write\": %.4g, \"copy\": %.4g}%s", name, reading, writing, copying, end);
}

int main() {
    Vec result[CHAINS];
    for (int i = 0; i < CHAINS; i++) result[i] = Vec{} + float(i);
    used(result);
    const long rounds = 10'000'000;
    multiply_adds(rounds / 10, result);  // the clock rises
    const double taken = best(50, [&] { multiply_adds(rounds, result); });
    std::printf("{\"gmac\": %.4g, ", 1e-9 * rounds * CHAINS * LANES / taken);
    bandwidth("cache", size_t(1) << 19, ", ");    // half a megabyte: within the second-level cache
    bandwidth("memory", size_t(1) << 28, "}\n");  // 256 MB: far above the last-level cache
}
