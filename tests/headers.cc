// SPDX-License-Identifier: Apache-2.0
//
// Nothing: a precompiled header belongs to a target, and a target is made of something.

int main() { return 0; }
