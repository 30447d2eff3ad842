// Global average pooling, linear classifier, cross-entropy; and how images come in.

#pragma once

#include <algorithm>
#include <cmath>

#include "units.h"

namespace commonweight {

inline void load(const Step& step, const Run& run, const Batch& batch) {
    const int pixels = run.pixels();
    for (int block = 0; block < run.blocks; block++) {
        const int lanes = run.lanes(block);
        for (int c = 0; c < step.channels_in; c++) {
            float* to = reinterpret_cast<float*>(step.out + (size_t(block) * step.channels_in + c) * pixels);
            std::memset(to, 0, pixels * sizeof(Vec));
            for (int lane = 0; lane < lanes; lane++) {
                const float* from = batch.images + (int64_t(block) * LANES + lane) * batch.strides[0] +
                                    c * batch.strides[1];
                for (int row = 0; row < run.height; row++)
                    for (int x = 0; x < run.width; x++)
                        to[(row * run.width + x) * LANES + lane] = from[row * batch.strides[2] + x * batch.strides[3]];
            }
        }
    }
}

// Mean over the pixels of every feature of one block, through ReLU if asked, and the logits from them.
inline void logits_of_block(const Step& step, const Run& run, int block, Vec* features, Vec* logits) {
    const int pixels = run.pixels(), width = step.channels_in * step.inputs;
    for (int i = 0; i < step.inputs; i++)
        for (int c = 0; c < step.channels_in; c++) {
            const Source from = source(step, i, run, block);
            const Affine normal(from, c, splat(1));
            const Vec* plane = from.data + size_t(c) * pixels;
            Vec sum = {};
            if (step.relu)
                for (int p = 0; p < pixels; p++) sum += relu(normal(plane[p]));
            else
                for (int p = 0; p < pixels; p++) sum += plane[p];
            const Vec mean = sum * (1.0f / pixels);
            features[i * step.channels_in + c] = step.relu ? mean : normal(mean);
        }
    const float* weight = step.mixing + size_t(run.copy) * step.channels_out * width;
    for (int k = 0; k < step.channels_out; k++) {
        Vec sum = splat(step.beta[run.copy * step.channels_out + k]);
        for (int f = 0; f < width; f++) sum += features[f] * weight[k * width + f];
        logits[k] = sum;
    }
}

// Forward, loss and backward in one: the loss is the mean cross-entropy over the images of the batch.
inline void head(const Step& step, const Run& run, const Batch& batch) {
    const int pixels = run.pixels(), width = step.channels_in * step.inputs, classes = step.channels_out;
    const float* weight = step.mixing + size_t(run.copy) * classes * width;
    float* d_weight = step.d_mixing + size_t(run.copy) * classes * width;
    float* d_bias = step.d_beta + run.copy * classes;
    Vec* features = scratch<Scratch::HEAD>(width + classes);
    Vec* logits = features + width;
    Vec* sums = cleared<Scratch::MIXING_SUMS>(size_t(classes) * (width + 1));  // of the weights, then of the bias
    Vec* bias_sums = sums + size_t(classes) * width;
    const float share = 1.0f / float(run.images());
    for (int block = 0; block < run.blocks; block++) {
        logits_of_block(step, run, block, features, logits);
        const int lanes = run.lanes(block);
        for (int lane = 0; lane < LANES; lane++) {
            if (lane >= lanes) {
                for (int k = 0; k < classes; k++) logits[k][lane] = 0;
                continue;
            }
            float top = logits[0][lane], total = 0;
            for (int k = 1; k < classes; k++) top = std::max(top, float(logits[k][lane]));
            for (int k = 0; k < classes; k++) total += logits[k][lane] = std::exp(logits[k][lane] - top);
            for (int k = 0; k < classes; k++) {
                const bool right = batch.labels[int64_t(block) * LANES + lane] == k;
                logits[k][lane] = (logits[k][lane] / total - right) * share;
            }
        }
        for (int k = 0; k < classes; k++) {
            bias_sums[k] += logits[k];
            for (int f = 0; f < width; f++) sums[k * width + f] += logits[k] * features[f];
        }
        for (int i = 0; i < step.inputs; i++) {
            if (!step.d_in[i]) continue;
            for (int c = 0; c < step.channels_in; c++) {
                Vec d = {};
                for (int k = 0; k < classes; k++) d += logits[k] * weight[k * width + i * step.channels_in + c];
                Vec* to = step.d_in[i] + (size_t(block) * step.channels_in + c) * pixels;
                const Vec each = d * (1.0f / pixels);
                const Source from = source(step, i, run, block);
                const Affine normal(from, c, splat(1));
                const Vec* plane = from.data + size_t(c) * pixels;
                for (int p = 0; p < pixels; p++)
                    store_gradient(to + p, step.relu ? let_through(each, normal(plane[p])) : each, step.d_add[i]);
            }
        }
    }
    sum_lanes(d_weight, sums, size_t(classes) * width);
    sum_lanes(d_bias, bias_sums, classes);
}

// Whether b is before a in the order of torch.argmax: a NaN above every number, the first among equals.
INLINE bool above(float b, float a) { return b > a || (b != b && a == a); }

// Counts right answers as torch.argmax gives them.
inline void head_eval(const Step& step, const Run& run, const Batch& batch) {
    const int width = step.channels_in * step.inputs, classes = step.channels_out;
    Vec* features = scratch<Scratch::HEAD>(width + classes);
    Vec* logits = features + width;
    for (int block = 0; block < run.blocks; block++) {
        logits_of_block(step, run, block, features, logits);
        const int lanes = run.lanes(block);
        for (int lane = 0; lane < lanes; lane++) {
            int best = 0;
            for (int k = 1; k < classes; k++)
                if (above(logits[k][lane], logits[best][lane])) best = k;
            step.right[run.copy] += batch.labels[int64_t(block) * LANES + lane] == best;
        }
    }
}

}  // namespace commonweight
