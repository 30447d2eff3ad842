// The steps of a program, as Python's `program.py` lays them out (ctypes; keep both alike).

#pragma once

#include "lanes.h"

namespace commonweight {

constexpr int MAX_INPUTS = 8;

enum Kind : int32_t {
    LOAD,
    SUM,
    SEPARABLE,
    POINTWISE,
    DENSE,
    MAX_POOL,
    AVERAGE_POOL,
    HEAD,
    SEPARABLE_BACK,
    POINTWISE_BACK,
    DENSE_BACK,
    MAX_POOL_BACK,
    AVERAGE_POOL_BACK,
    SUM_BACK,
    FOLD,
    SEPARABLE_EVAL,
    POINTWISE_EVAL,
    DENSE_EVAL,
    MAX_POOL_EVAL,
    AVERAGE_POOL_EVAL,
    HEAD_EVAL,
};

// Activations are those of one copy; weights, gradients and statistics point to copy 0 and hold all copies in a row.
struct Step {
    int32_t kind;
    int32_t kernel;        // side of the spatial kernel
    int32_t dilation;
    int32_t relu;          // the unit begins with ReLU
    int32_t inputs;        // tensors that are read, `channels_in` channels each
    int32_t channels_in;
    int32_t channels_out;  // of the head: classes
    float momentum;
    int32_t d_add[MAX_INPUTS];  // add to d_in[i] instead of writing it
    Vec* in[MAX_INPUTS];
    Vec* d_in[MAX_INPUTS];  // null where nobody needs the gradient
    Vec* out;               // after normalisation
    Vec* d_out;
    void* middle;           // kept for the backward pass: depthwise output, or the winning taps of max pooling
    float* spatial;         // depthwise weights
    float* mixing;          // pointwise or dense weights; the head's [class][feature]
    float* d_spatial;
    float* d_mixing;
    float* gamma;           // null without affine parameters
    float* beta;            // or the head's bias
    float* d_gamma;
    float* d_beta;
    float* mean;            // running statistics
    float* variance;
    float* inverse;         // 1 / deviation of the last batch
    float* folded;          // eval: mixing weights with the normalisation in them (pooling: factors)
    float* shift;           // eval: what is left of the normalisation
    int64_t* right;         // head in eval: right answers per copy
};

// What changes from call to call.
struct Batch {
    const float* images;   // [image][channel][row][column] with these strides, in floats
    int64_t strides[4];
    const int64_t* labels;
    int32_t count;         // images
    int32_t height;
    int32_t width;
    int32_t copy;
};

}  // namespace commonweight
