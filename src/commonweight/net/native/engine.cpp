// The native part's door: plain C functions on raw pointers, so that one build works with every PyTorch.

#include <cstddef>
#include <string>

#include "eval.h"
#include "frame.h"
#include "head.h"
#include "units.h"

using namespace commonweight;

namespace {

// False for a kind or a kernel that there is no code for.
bool perform(const Step& step, Run run, const Batch& batch) {
    for (int i = 0; i < step.halvings; i++) run = run.halved();
    switch (StepKind(step.kind)) {
        case LOAD: return load(step, run, batch), true;
        case SUM: return sum_unit(step, run), true;
        case SEPARABLE: return has_kernel(step) && (separable(step, run), true);
        case POINTWISE: return pointwise_unit(step, run), true;
        case DENSE: return dense_unit<1>(step, run), true;
        case MAX_POOL: return pool_unit<true>(step, run), true;
        case AVERAGE_POOL: return pool_unit<false>(step, run), true;
        case HEAD: return head(step, run, batch), true;
        case SEPARABLE_BACK: return has_kernel(step) && (separable_back(step, run), true);
        case POINTWISE_BACK: return pointwise_back(step, run), true;
        case DENSE_BACK: return dense_back<1>(step, run), true;
        case MAX_POOL_BACK: return pool_back<true>(step, run), true;
        case AVERAGE_POOL_BACK: return pool_back<false>(step, run), true;
        case SUM_BACK: return sum_back(step, run), true;
        case FOLD: return fold(step, run), true;
        case SEPARABLE_EVAL: return has_kernel(step) && (separable_eval(step, run), true);
        case POINTWISE_EVAL: return pointwise_eval(step, run), true;
        case DENSE_EVAL: return dense_eval<1>(step, run), true;
        case MAX_POOL_EVAL: return max_pool_unit_eval(step, run), true;
        case AVERAGE_POOL_EVAL: return average_pool_unit_eval(step, run), true;
        case HEAD_EVAL: return head_eval(step, run, batch), true;
        case STRIDED: return dense_unit<2>(step, run), true;
        case STRIDED_BACK: return dense_back<2>(step, run), true;
        case STRIDED_EVAL: return dense_eval<2>(step, run), true;
        case HALVED: return halved_unit(step, run), true;
        case HALVED_BACK: return halved_back(step, run), true;
        case AVERAGE: return average_unit(step, run), true;
        case AVERAGE_BACK: return average_back(step, run), true;
        case NORM: return norm_unit(step, run), true;
        case NORM_BACK: return norm_back(step, run), true;
        case NORM_EVAL: return norm_eval(step, run), true;
    }
    return false;
}

}  // namespace

extern "C" {

// What this build is made of: lanes, kinds, and name, offset and size of every field, for Python to compare with its own.
const char* commonweight_layout() {
    static const std::string layout = [] {
        std::string text = "lanes " + std::to_string(LANES) + "\nkinds";
#define KIND(name) text += std::string(" " #name "=") + std::to_string(name);
        COMMONWEIGHT_KINDS(KIND)
#undef KIND
        const auto field = [&](const char* name, size_t offset, size_t size) {
            text += std::string(" ") + name + "@" + std::to_string(offset) + "+" + std::to_string(size);
        };
        text += "\nStep";
#define FIELD(type, name, count) field(#name, offsetof(Step, name), sizeof(Step::name));
        COMMONWEIGHT_STEP(FIELD)
#undef FIELD
        text += "\nBatch";
#define FIELD(type, name, count) field(#name, offsetof(Batch, name), sizeof(Batch::name));
        COMMONWEIGHT_BATCH(FIELD)
#undef FIELD
        return text;
    }();
    return layout.c_str();
}

// 2 where this processor runs the AVX-512 build, 1 where it runs the AVX2 one, else 0.
int commonweight_processor() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
    return 0;
}

// How many steps were performed: all of them, or those before one that this build has no code for.
int commonweight_run(const Step* steps, int count, const Batch* batch) {
    const int blocks = (batch->count + LANES - 1) / LANES;
    const Run run{blocks, batch->count - (blocks - 1) * LANES, batch->copy, batch->height, batch->width};
    for (int i = 0; i < count; i++)
        if (!perform(steps[i], run, *batch)) return i;
    return count;
}

// v ← momentum · v + gradient + decay · w, w ← w − lr · v, for `count` tensors of sizes[i] elements. Every element has the
// same arithmetic wherever it stands in a tensor.
void commonweight_sgd(float* const* weights, const float* const* gradients, float* const* velocities,
                      const int64_t* sizes, int count, float lr, float momentum, float decay) {
    for (int t = 0; t < count; t++) {
        float* RESTRICT w = weights[t];
        float* RESTRICT v = velocities[t];
        const float* RESTRICT g = gradients[t];
        for (int64_t i = 0; i < sizes[t]; i++) {
            v[i] = momentum * v[i] + (g[i] + decay * w[i]);
            w[i] -= lr * v[i];
        }
    }
}

}  // extern "C"
