// SPDX-License-Identifier: Apache-2.0
//
// A plugin that was not built by darkroom_add_plugin(), with everything that keeps a file mapped or
// may be missing. It is read by preflight and never opened.

#include <darkroom/plugin.h>

extern "C" int darkroom_test_needed();

// What an import of torch's operator registry looks like to a linker.
namespace torch {
class Library {
 public:
  Library();
};
}  // namespace torch

struct Counter {
  int& operator()() {
    static int count = 0;  // in an inline function: a unique symbol
    return count;
  }
};

#ifdef SUSPECT_ENTRY
thread_local int calls = 0;

const dr_plugin_t* darkroom_plugin_entry(const dr_host_t*) {
  const torch::Library library;
  calls += ++Counter()() + darkroom_test_needed();
  return nullptr;
}
#else
extern "C" int darkroom_test_helper();
extern "C" int darkroom_test_helper() { return ++Counter()(); }
#endif

DR_MANIFEST(R"({"id": "suspect", "version": "1", "outputs": [{"name": "text", "kind": "text"}]})");
