// The steps of a program, as Python lays them out (library.py). Each structure is described once, here; the library
// says what it is made of, field by field, and Python loads no build that says something else than its own description.

#pragma once

#include "lanes.h"

namespace commonweight {

constexpr int MAX_INPUTS = 8;

#define COMMONWEIGHT_KINDS(KIND)                                                                                     \
    KIND(LOAD) KIND(SUM) KIND(SEPARABLE) KIND(POINTWISE) KIND(DENSE) KIND(MAX_POOL) KIND(AVERAGE_POOL) KIND(HEAD)    \
    KIND(SEPARABLE_BACK) KIND(POINTWISE_BACK) KIND(DENSE_BACK) KIND(MAX_POOL_BACK) KIND(AVERAGE_POOL_BACK)           \
    KIND(SUM_BACK) KIND(FOLD) KIND(SEPARABLE_EVAL) KIND(POINTWISE_EVAL) KIND(DENSE_EVAL) KIND(MAX_POOL_EVAL)         \
    KIND(AVERAGE_POOL_EVAL) KIND(HEAD_EVAL) KIND(STRIDED) KIND(STRIDED_BACK) KIND(STRIDED_EVAL) KIND(HALVED)         \
    KIND(HALVED_BACK) KIND(AVERAGE) KIND(AVERAGE_BACK) KIND(NORM) KIND(NORM_BACK) KIND(NORM_EVAL)

enum StepKind : int32_t {
#define KIND(name) name,
    COMMONWEIGHT_KINDS(KIND)
#undef KIND
};

// FIELD(type, name, how many). Activations are those of one copy; weights, gradients and statistics point to copy 0 and
// hold all copies in a row; what is one number for each channel of the last batch (inverse …) is of one copy. STRIDED and
// HALVED give outputs of half their inputs' height and width, rounded up. A HALVED or AVERAGE unit is not normalised.
#define COMMONWEIGHT_STEP(FIELD)                                                                                     \
    FIELD(int32_t, kind, 1)                                                                                          \
    FIELD(int32_t, kernel, 1)             /* side of the spatial kernel */                                           \
    FIELD(int32_t, dilation, 1)                                                                                      \
    FIELD(int32_t, relu, 1)               /* the unit, or the head, begins with ReLU */                              \
    FIELD(int32_t, inputs, 1)             /* tensors that are read, `channels_in` channels each */                   \
    FIELD(int32_t, channels_in, 1)                                                                                   \
    FIELD(int32_t, channels_out, 1)       /* of the head: classes */                                                 \
    FIELD(int32_t, halvings, 1)           /* of the images' height and width, rounded up, down to those of the inputs */ \
    FIELD(float, momentum, 1)                                                                                        \
    FIELD(int32_t, d_add, MAX_INPUTS)     /* add to d_in[i] instead of writing it */                                 \
    FIELD(Vec*, in, MAX_INPUTS)                                                                                      \
    FIELD(const float*, in_factor, MAX_INPUTS)  /* the normalisation of in[i], or null */                            \
    FIELD(const float*, in_shift, MAX_INPUTS)                                                                        \
    FIELD(Vec*, d_in, MAX_INPUTS)         /* null where nobody needs the gradient */                                 \
    FIELD(Vec*, out, 1)                   /* before normalisation */                                                 \
    FIELD(Vec*, d_out, 1)                 /* gradient of the normalised output */                                    \
    FIELD(void*, middle, 1)               /* for the backward pass: depthwise output, or max pooling's winning taps */ \
    FIELD(float*, spatial, 1)             /* depthwise weights */                                                    \
    FIELD(float*, mixing, 1)              /* pointwise or dense weights; the head's [class][feature] */              \
    FIELD(float*, d_spatial, 1)                                                                                      \
    FIELD(float*, d_mixing, 1)                                                                                       \
    FIELD(float*, gamma, 1)               /* null without affine parameters */                                       \
    FIELD(float*, beta, 1)                /* or the head's bias */                                                   \
    FIELD(float*, d_gamma, 1)                                                                                        \
    FIELD(float*, d_beta, 1)                                                                                         \
    FIELD(float*, mean, 1)                /* running statistics */                                                   \
    FIELD(float*, variance, 1)                                                                                       \
    FIELD(float*, inverse, 1)             /* x̂ = inverse · out + centre: standardised outputs */                     \
    FIELD(float*, centre, 1)                                                                                         \
    FIELD(float*, factor, 1)              /* factor · out + shift: normalised outputs, with γ and β */               \
    FIELD(float*, shift, 1)               /* eval: what is left of the normalisation */                              \
    FIELD(float*, folded, 1)              /* eval: mixing weights with the normalisation in them (pooling: factors) */ \
    FIELD(int64_t*, right, 1)             /* head in eval: right answers per copy */

// What changes from call to call.
#define COMMONWEIGHT_BATCH(FIELD)                                                                                    \
    FIELD(const float*, images, 1)        /* [image][channel][row][column] with these strides, in floats */          \
    FIELD(int64_t, strides, 4)                                                                                       \
    FIELD(const int64_t*, labels, 1)                                                                                 \
    FIELD(int32_t, count, 1)              /* images */                                                               \
    FIELD(int32_t, height, 1)                                                                                        \
    FIELD(int32_t, width, 1)                                                                                         \
    FIELD(int32_t, copy, 1)

template <class T, int N>
struct FieldOf {
    using type = T[N];
};
template <class T>
struct FieldOf<T, 1> {
    using type = T;
};

#define FIELD(type_, name, count) FieldOf<type_, count>::type name;
struct Step {
    COMMONWEIGHT_STEP(FIELD)
};
struct Batch {
    COMMONWEIGHT_BATCH(FIELD)
};
#undef FIELD

}  // namespace commonweight
