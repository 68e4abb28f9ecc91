// SPDX-License-Identifier: Apache-2.0

#include "core/json.h"

#include <cmath>
#include <exception>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

namespace darkroom {
namespace {

using Json = nlohmann::json;

// Builds the value from the parser's events and stops at the first thing that is not allowed.
// Returning false from an event makes the parser return at once, which also bounds its recursion in
// CBOR.
class GuardedBuilder final : public nlohmann::json_sax<Json> {
 public:
  GuardedBuilder(const JsonLimits& limits, std::string_view format)
      : limits_(limits), format_(format) {}

  bool null() override { return Add(nullptr); }
  bool boolean(bool value) override { return Add(value); }
  bool number_integer(number_integer_t value) override { return Add(value); }
  bool number_unsigned(number_unsigned_t value) override { return Add(value); }
  bool number_float(number_float_t value, const string_t&) override {
    if (!std::isfinite(value)) return Refuse("it has a number that is not finite");
    return Add(value);
  }
  bool string(string_t& value) override { return Add(std::move(value)); }
  bool binary(binary_t& value) override { return Add(std::move(value)); }

  bool start_object(std::size_t) override { return Open(Json::object()); }
  bool start_array(std::size_t) override { return Open(Json::array()); }
  bool end_object() override { return Close(); }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    auto [entry, added] = open_.back()->get_ref<Json::object_t&>().try_emplace(name);
    if (!added) return Refuse("the key \"" + name.substr(0, 64) + "\" is there twice");
    slot_ = &entry->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const Json::exception& error) override {
    // The library's sentence ends with what was expected; what stands before it is its own
    // numbering.
    std::string words = error.what();
    if (const size_t at = words.find(": "); at != std::string::npos) words.erase(0, at + 2);
    return Refuse("near byte " + std::to_string(position) + ": " + words);
  }

  Result<Json> Take(bool parsed) {
    if (parsed) return std::move(root_);
    return Status::InvalidArgument("not valid " + std::string(format_) + ": " +
                                   (error_.empty() ? "it ends too early" : error_));
  }

 private:
  bool Refuse(std::string why) {
    if (error_.empty()) error_ = std::move(why);
    return false;
  }

  template <typename T>
  Json* Place(T&& value) {
    if (++values_ > limits_.max_values) {
      Refuse("it has more than " + std::to_string(limits_.max_values) + " values");
      return nullptr;
    }
    if (open_.empty()) return &(root_ = Json(std::forward<T>(value)));
    Json& parent = *open_.back();
    if (parent.is_array()) {
      auto& elements = parent.get_ref<Json::array_t&>();
      return &elements.emplace_back(std::forward<T>(value));
    }
    return &(*slot_ = Json(std::forward<T>(value)));
  }

  template <typename T>
  bool Add(T&& value) {
    return Place(std::forward<T>(value)) != nullptr;
  }

  bool Open(Json container) {
    if (open_.size() >= limits_.max_depth) {
      return Refuse("it has more than " + std::to_string(limits_.max_depth) + " levels");
    }
    Json* placed = Place(std::move(container));
    if (placed == nullptr) return false;
    open_.push_back(placed);
    return true;
  }

  bool Close() {
    open_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  std::string_view format_;
  Json root_;
  // The containers that are being filled. They stay where they are: a parent grows only while it is
  // the last one.
  std::vector<Json*> open_;
  Json* slot_ = nullptr;  // where the value of the last key goes
  size_t values_ = 0;
  std::string error_;
};

Result<Json> Parse(Bytes bytes, const JsonLimits& limits, nlohmann::detail::input_format_t format,
                   std::string_view format_name) {
  if (bytes.size() > limits.max_bytes) {
    return Status(Code::kTooLarge,
                  std::string(format_name) + " of " + std::to_string(bytes.size()) +
                      " bytes exceeds the limit of " + std::to_string(limits.max_bytes));
  }
  try {
    GuardedBuilder builder(limits, format_name);
    const auto* begin = reinterpret_cast<const char*>(bytes.data());
    const bool parsed = Json::sax_parse(begin, begin + bytes.size(), &builder, format);
    return builder.Take(parsed);
  } catch (const std::exception& error) {
    return Status::InvalidArgument("not valid " + std::string(format_name) + ": " + error.what());
  }
}

}  // namespace

Result<Json> ParseJson(std::string_view text, const JsonLimits& limits) {
  return Parse(AsBytes(text), limits, Json::input_format_t::json, "JSON");
}

Result<Json> ParseCbor(Bytes bytes, const JsonLimits& limits) {
  return Parse(bytes, limits, Json::input_format_t::cbor, "CBOR");
}

std::string WriteJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace darkroom
