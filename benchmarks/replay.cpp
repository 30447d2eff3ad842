// Performs one call of the native part that another process has laid out, on the processor that it is built for. Built
// by replay.py together with engine.cpp; reads a call from standard input, writes the tensors as the call leaves them.
//
// On the wire: a Call; the bytes that each tensor holds; the layout; the Pointers; a block with the call's arguments;
// the tensors. A pointer in the block is worth nothing here until it is set to its tensor, as a linker would.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "program.h"

using namespace commonweight;

extern "C" {
const char* commonweight_layout();
int commonweight_run(const Step* steps, int count, const Batch* batch);
void commonweight_sgd(float* const* weights, const float* const* gradients, float* const* velocities,
                      const int64_t* sizes, int count, float lr, float momentum, float decay);
}

namespace {

enum Function : int64_t { RUN, SGD };

struct Call {
    int64_t layout;  // bytes of what commonweight_layout() must say
    int64_t function;
    int64_t count;  // steps, or tensors that move
    int64_t tensors, pointers;
    int64_t bytes;  // of the block
};

// The pointer that stands at this byte of the block points to this byte of this tensor.
struct Pointer {
    int64_t at, tensor, offset;
};

[[noreturn]] void refuse(const char* why) {
    std::fprintf(stderr, "%s\n", why);
    std::exit(2);
}

void receive(void* to, size_t bytes) {
    if (std::fread(to, 1, bytes, stdin) != bytes) refuse("the call ends in its middle");
}

// Memory between two fences, which nobody may touch. As floats they are NaN, so that even reading one shows.
struct Fenced {
    static constexpr size_t FENCE = 256;
    size_t bytes, whole;
    char* memory;

    explicit Fenced(size_t bytes) : bytes(bytes), whole(2 * FENCE + (bytes + FENCE - 1) / FENCE * FENCE) {
        memory = static_cast<char*>(std::aligned_alloc(FENCE, whole));
        std::memset(memory, 0xff, whole);
    }
    char* data() const { return memory + FENCE; }
    bool stands() const {
        for (const char* at = memory; at < memory + whole; at++)
            if ((at < data() || at >= data() + bytes) && *at != char(0xff)) return false;
        return true;
    }
};

void run(const Call& call, const char* block) {
    const Batch* batch = reinterpret_cast<const Batch*>(block + call.count * sizeof(Step));
    if (commonweight_run(reinterpret_cast<const Step*>(block), int(call.count), batch) != call.count)
        refuse("a step that this build has no code for");
}

void sgd(const Call& call, const char* block) {
    float* const* tensors = reinterpret_cast<float* const*>(block);  // all weights, all gradients, all velocities
    const int64_t* sizes = reinterpret_cast<const int64_t*>(tensors + 3 * call.count);
    const float* numbers = reinterpret_cast<const float*>(sizes + call.count);
    commonweight_sgd(tensors, tensors + call.count, tensors + 2 * call.count, sizes, int(call.count), numbers[0],
                     numbers[1], numbers[2]);
}

}  // namespace

int main() {
    Call call;
    receive(&call, sizeof call);
    std::vector<int64_t> sizes(call.tensors);
    std::vector<Pointer> pointers(call.pointers);
    std::string layout(call.layout, 0);
    const Fenced block(call.bytes);
    receive(sizes.data(), sizes.size() * sizeof(int64_t));
    receive(layout.data(), layout.size());
    if (layout != commonweight_layout()) {
        const auto lanes = [](const std::string& text) { return text.substr(0, text.find('\n')); };
        std::fprintf(stderr, "laid out for %s, this build has %s; or its fields differ\n", lanes(layout).c_str(),
                     lanes(commonweight_layout()).c_str());
        return 2;
    }
    receive(pointers.data(), pointers.size() * sizeof(Pointer));
    receive(block.data(), block.bytes);
    std::vector<Fenced> tensors(sizes.begin(), sizes.end());
    for (const Fenced& tensor : tensors) receive(tensor.data(), tensor.bytes);
    for (const Pointer& pointer : pointers) {
        const char* to = tensors[pointer.tensor].data() + pointer.offset;
        std::memcpy(block.data() + pointer.at, &to, sizeof to);
    }
    switch (Function(call.function)) {
        case RUN: run(call, block.data()); break;
        case SGD: sgd(call, block.data()); break;
        default: refuse("a call of no known function");
    }
    for (const Fenced& tensor : tensors) {
        if (!tensor.stands()) refuse("a kernel wrote outside its tensors");
        std::fwrite(tensor.data(), 1, tensor.bytes, stdout);
    }
    return 0;
}
