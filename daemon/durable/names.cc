// SPDX-License-Identifier: Apache-2.0

#include "durable/names.h"

#include <fmt/format.h>

#include <cctype>

namespace darkroom {
namespace {

// Streams and buckets may not have a dot.
std::string Flat(std::string text, char separator) {
  for (char& c : text) {
    if (c == '.') c = separator;
  }
  return text;
}

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

DurableNames::DurableNames(const std::string& with)
    : prefix(with),
      jobs(Upper(Flat(with, '_')) + "_JOBS"),
      results(Upper(Flat(with, '_')) + "_RESULTS"),
      dead(Upper(Flat(with, '_')) + "_DEAD"),
      requests(Upper(Flat(with, '_')) + "_REQUESTS"),
      states("KV_" + Flat(with, '-') + "-jobs"),
      bucket(Flat(with, '-') + "-jobs"),
      objects(Flat(with, '-') + "-objects"),
      saved(Flat(with, '-') + "-saved") {}

std::string DurableNames::Job(std::string_view job_class, std::string_view model) const {
  return fmt::format("{}.jobs.{}.{}", prefix, job_class, model);
}

std::string DurableNames::Result(std::string_view model, std::string_view job) const {
  return fmt::format("{}.results.{}.{}", prefix, model, job);
}

std::string DurableNames::Dead(std::string_view model, std::string_view job) const {
  return fmt::format("{}.dead.{}.{}", prefix, model, job);
}

std::string DurableNames::Request(std::string_view model, std::string_view job) const {
  return fmt::format("{}.requests.{}.{}", prefix, model, job);
}

std::string DurableNames::Announced(std::string_view job_class, std::string_view model) const {
  return fmt::format("{}.announced.{}.{}", prefix, job_class, model);
}

std::string DurableNames::State(std::string_view job) const {
  return fmt::format("$KV.{}.{}", bucket, job);
}

std::string DurableNames::Consumer(std::string_view job_class, std::string_view model) {
  return fmt::format("{}-{}", job_class, model);
}

}  // namespace darkroom
