// SPDX-License-Identifier: Apache-2.0

#include "common/safetensors_header.h"

#include <algorithm>
#include <cstddef>
#include <darkroom/plugin.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "common/quoted.h"

namespace darkroom {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxDimensions = 16;

[[noreturn]] void Refuse(const std::string& message) {
  throw Error(DR_FAILED_PRECONDITION, message);
}

// Reads the header event by event, so that what a tree of values would hide (a key given twice, a
// value of the wrong kind, any depth beyond the three levels there are) is refused where it stands.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  SafetensorsHeader Take() && { return std::move(header_); }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { return Unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t&) override {
    return Unexpected("a number that is not a 64-bit integer");
  }
  bool binary(binary_t&) override { return Unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::kShape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        Refuse(Where() + "dimension " + std::to_string(value) + " is too large");
      if (entry_.shape.size() == kMaxDimensions)
        Refuse(Where() + "has more than " + std::to_string(kMaxDimensions) + " dimensions");
      entry_.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (place_ == Place::kOffsets) {
      if (offsets_.size() == 2) Refuse(Where() + "data_offsets has more than two numbers");
      offsets_.push_back(value);
      return true;
    }
    return Unexpected("a number");
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[key_] = value;
      return true;
    }
    if (place_ == Place::kEntry && key_ == "dtype") {
      if (DtypeSize(value) == 0) Refuse(Where() + "dtype " + Quoted(value) + " is not supported");
      entry_.dtype = value;
      return true;
    }
    return Unexpected("a text");
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::kOutside) {
      place_ = Place::kTop;
      return true;
    }
    if (place_ != Place::kTop) return Unexpected("an object");
    if (key_ == "__metadata__") {
      place_ = Place::kMetadata;
    } else {
      place_ = Place::kEntry;
      entry_ = {};
      entry_.name = key_;
      offsets_.clear();
    }
    inner_keys_.clear();
    return true;
  }

  bool key(string_t& value) override {
    key_ = value;
    const bool top = place_ == Place::kTop;
    if (!(top ? names_ : inner_keys_).insert(value).second)
      Refuse((top ? "the key " : Where() + "the key ") + Quoted(value) + " is there twice");
    if (place_ == Place::kEntry && value != "dtype" && value != "shape" && value != "data_offsets")
      Refuse(Where() + "unknown key " + Quoted(value));
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kEntry) FinishEntry();
    place_ = place_ == Place::kTop ? Place::kOutside : Place::kTop;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ == Place::kEntry && key_ == "shape") {
      place_ = Place::kShape;
      return true;
    }
    if (place_ == Place::kEntry && key_ == "data_offsets") {
      place_ = Place::kOffsets;
      return true;
    }
    return Unexpected("an array");
  }

  bool end_array() override {
    place_ = Place::kEntry;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    Refuse("the header is not valid JSON at byte " + std::to_string(position) + ": " +
           Quoted(error.what()));
  }

 private:
  enum class Place { kOutside, kTop, kMetadata, kEntry, kShape, kOffsets };

  std::string Where() const {
    return place_ == Place::kMetadata ? "__metadata__: " : "tensor " + Quoted(entry_.name) + ": ";
  }

  bool Unexpected(const char* what) {
    if (place_ == Place::kOutside) Refuse(std::string("the header is ") + what + ", not an object");
    if (place_ == Place::kTop) Refuse(Quoted(key_) + " is " + what + ", not an object");
    Refuse(Where() + Quoted(key_) + " holds " + what);
  }

  void FinishEntry() {
    for (const char* needed : {"dtype", "shape", "data_offsets"})
      if (!inner_keys_.contains(needed)) Refuse(Where() + "has no " + needed);
    if (offsets_.size() != 2) Refuse(Where() + "data_offsets has not two numbers");
    entry_.begin = offsets_[0];
    entry_.end = offsets_[1];
    header_.entries.push_back(std::move(entry_));
  }

  Place place_ = Place::kOutside;
  std::string key_;
  std::set<std::string> names_;
  std::set<std::string> inner_keys_;
  SafetensorsEntry entry_;
  std::vector<uint64_t> offsets_;
  SafetensorsHeader header_;
};

// The bytes that dtype and shape ask for. A zero makes the product zero, but the other factors must
// still multiply without overflow, since strides are made of them.
uint64_t BytesOf(const SafetensorsEntry& entry) {
  uint64_t count = 1;
  uint64_t reach = DtypeSize(entry.dtype);
  for (const int64_t edge : entry.shape) {
    const auto factor = static_cast<uint64_t>(edge);
    count *= factor;  // never more than `reach`, which is checked
    if (__builtin_mul_overflow(reach, std::max<uint64_t>(factor, 1), &reach) ||
        reach > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      Refuse("tensor " + Quoted(entry.name) + ": shape " + ShapeText(entry.shape) + " overflows");
  }
  return count * DtypeSize(entry.dtype);
}

}  // namespace

uint64_t DtypeSize(std::string_view dtype) {
  if (dtype == "F64" || dtype == "I64") return 8;
  if (dtype == "F32" || dtype == "I32") return 4;
  if (dtype == "F16" || dtype == "BF16" || dtype == "I16") return 2;
  if (dtype == "I8" || dtype == "U8" || dtype == "BOOL") return 1;
  return 0;
}

SafetensorsHeader ParseSafetensorsHeader(std::string_view json, uint64_t data_bytes) {
  if (json.empty() || json.front() != '{') Refuse("the header does not begin with '{'");
  // The JSON library takes a NUL for the end of its input, and would pass over whatever follows.
  if (json.find('\0') != std::string_view::npos) Refuse("the header holds a NUL byte");
  HeaderReader reader;
  Json::sax_parse(json.begin(), json.end(), &reader);
  SafetensorsHeader header = std::move(reader).Take();

  for (const SafetensorsEntry& entry : header.entries) {
    const std::string offsets =
        "[" + std::to_string(entry.begin) + ", " + std::to_string(entry.end) + "]";
    if (entry.begin > entry.end || entry.end > data_bytes)
      Refuse("tensor " + Quoted(entry.name) + ": data_offsets " + offsets +
             " lie outside the data of " + std::to_string(data_bytes) + " bytes");
    const uint64_t bytes = BytesOf(entry);
    if (bytes != entry.end - entry.begin)
      Refuse("tensor " + Quoted(entry.name) + ": " + entry.dtype + " of shape " +
             ShapeText(entry.shape) + " needs " + std::to_string(bytes) + " bytes, data_offsets " +
             offsets + " give " + std::to_string(entry.end - entry.begin));
  }
  std::sort(header.entries.begin(), header.entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  uint64_t at = 0;
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.begin != at)
      Refuse("tensor " + Quoted(entry.name) + ": begins at " + std::to_string(entry.begin) +
             (entry.begin < at ? ", inside the tensor before it, which ends at "
                               : ", leaving a hole after the tensor before it, which ends at ") +
             std::to_string(at));
    at = entry.end;
  }
  if (at != data_bytes)
    Refuse("the tensors take " + std::to_string(at) + " bytes of " + std::to_string(data_bytes) +
           " bytes of data");
  return header;
}

}  // namespace darkroom
