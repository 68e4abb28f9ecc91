// SPDX-License-Identifier: Apache-2.0
//
// Reads JSON and CBOR from strangers. nlohmann's parser does the work; this is the guard in front
// of it: depth, size and number of values are limited, an object may not have a key twice (which of
// the two counts would otherwise depend on who reads), numbers are finite, and errors are values,
// never exceptions.
//
// Free functions without state; any thread.

#ifndef DARKROOM_CORE_JSON_H_
#define DARKROOM_CORE_JSON_H_

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "core/buffer.h"
#include "core/status.h"

namespace darkroom {

struct JsonLimits {
  size_t max_depth = 64;               // levels of objects and arrays
  size_t max_bytes = size_t{1} << 30;  // of the text
  // A value of two bytes ("0,") takes sixteen or more in memory; the limit keeps that from
  // multiplying a message.
  size_t max_values = 1'000'000;
};

// An exact UTF-8 JSON text (RFC 8259), nothing before or after it but white space.
Result<nlohmann::json> ParseJson(std::string_view text, const JsonLimits& limits = {});

// One CBOR item (RFC 8949) and nothing after it. Byte strings become binary values; map keys must
// be text; tags are refused.
Result<nlohmann::json> ParseCbor(Bytes bytes, const JsonLimits& limits = {});

// The text of a JSON value, for messages and bodies. Text that is no UTF-8 is written with
// replacement characters, so this does not fail.
std::string WriteJson(const nlohmann::json& value);

}  // namespace darkroom

#endif  // DARKROOM_CORE_JSON_H_
