// SPDX-License-Identifier: Apache-2.0
//
// Its manifest names an ABI of another major version. Everything else is right.

#include "bad_plugin.h"

BAD_PLUGIN()

#undef DR_ABI_MAJOR
#define DR_ABI_MAJOR 99

DR_MANIFEST(R"({
  "id": "wrong_major", "version": "1.0.0", "summary": "Copies its input, but is bad: wrong_major",
  "params": {"type": "object", "properties": {}, "additionalProperties": false},
  "inputs": [{"name": "data", "kind": "bytes"}], "outputs": [{"name": "data", "kind": "bytes"}],
  "batch": {"max": 1, "key": []},
  "resources": {"device": ["cpu"], "memory": 0, "torch": null}, "unload": "clean"
})");
