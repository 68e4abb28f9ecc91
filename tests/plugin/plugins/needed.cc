// SPDX-License-Identifier: Apache-2.0
//
// A library that a plugin needs, and that is not where libraries are looked for.

extern "C" int darkroom_test_needed();
extern "C" int darkroom_test_needed() { return 1; }
