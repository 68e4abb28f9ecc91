// SPDX-License-Identifier: Apache-2.0
//
// The same as header.c, for the standards of C++.

#include "header.c"
