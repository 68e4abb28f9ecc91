// SPDX-License-Identifier: Apache-2.0
//
// A library with a symbol that g++ makes unique in the process, which keeps it loaded.

template <typename Number>
struct Kept {
  static Number value;
};
template <typename Number>
Number Kept<Number>::value = 41;

extern "C" __attribute__((visibility("default"))) int StickyAnswer() { return ++Kept<int>::value; }
