// The native part's door: plain C functions on raw pointers, so that one build works with every PyTorch.

#include "eval.h"
#include "head.h"
#include "units.h"

using namespace commonweight;

namespace {

void perform(const Step& step, const Run& run, const Batch& batch) {
    switch (Kind(step.kind)) {
        case LOAD: return load(step, run, batch);
        case SUM: return sum_unit(step, run);
        case SEPARABLE: return separable(step, run);
        case POINTWISE: return pointwise_unit(step, run);
        case DENSE: return dense_unit(step, run);
        case MAX_POOL: return pool_unit<true>(step, run);
        case AVERAGE_POOL: return pool_unit<false>(step, run);
        case HEAD: return head(step, run, batch);
        case SEPARABLE_BACK:
            return for_kernel(step.kernel, [&](auto k) { separable_back<k.value>(step, run); });
        case POINTWISE_BACK: return pointwise_back(step, run);
        case DENSE_BACK: return dense_back(step, run);
        case MAX_POOL_BACK: return pool_back<true>(step, run);
        case AVERAGE_POOL_BACK: return pool_back<false>(step, run);
        case SUM_BACK: return sum_back(step, run);
        case FOLD: return fold(step, run);
        case SEPARABLE_EVAL: return separable_eval(step, run);
        case POINTWISE_EVAL: return pointwise_eval(step, run);
        case DENSE_EVAL: return dense_eval(step, run);
        case MAX_POOL_EVAL: return pool_eval<true>(step, run);
        case AVERAGE_POOL_EVAL: return pool_eval<false>(step, run);
        case HEAD_EVAL: return head_eval(step, run, batch);
    }
}

}  // namespace

extern "C" {

// Sizes of the structures, so that Python can see that both sides mean the same.
int commonweight_step_size() { return sizeof(Step); }
int commonweight_batch_size() { return sizeof(Batch); }

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

void commonweight_run(const Step* steps, int count, const Batch* batch) {
    const int blocks = (batch->count + LANES - 1) / LANES;
    const Run run{blocks, batch->count - (blocks - 1) * LANES, batch->copy, batch->height, batch->width};
    for (int i = 0; i < count; i++) perform(steps[i], run, *batch);
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
