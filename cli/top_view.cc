// SPDX-License-Identifier: Apache-2.0

#include "cli/top_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "cli/gather.h"
#include "cli/table.h"
#include "cli/text.h"
#include "core/units.h"

namespace darkroom {
namespace {

using nlohmann::json;

constexpr size_t kMostJobs = 15;
constexpr std::array<const char*, 3> kCounted = {"succeeded", "failed", "refused"};

const json* OfHost(const std::vector<json>& answers, const std::string& host) {
  const auto found = std::find_if(answers.begin(), answers.end(), [&host](const json& one) {
    return TextField(one, "host") == host;
  });
  return found == answers.end() ? nullptr : &*found;
}

// Jobs a second since the sample before. A daemon that has begun anew in between has no rate.
json Rates(const TopSample& before, const TopSample& now, const json& status) {
  const json* const then = OfHost(before.status, TextField(status, "host"));
  const double seconds = std::chrono::duration<double>(now.taken - before.taken).count();
  if (then == nullptr || seconds <= 0 ||
      TextField(*then, "started") != TextField(status, "started")) {
    return nullptr;
  }
  json rates = json::object();
  for (const char* const name : kCounted) {
    const double done =
        NumberField(PartField(status, "jobs"), name) - NumberField(PartField(*then, "jobs"), name);
    rates[name] = std::max(0.0, done) / seconds;
  }
  return rates;
}

std::string Rate(const json& rates, const char* name) {
  return rates.is_null() ? "" : fmt::format("{:.1f}", NumberField(rates, name));
}

std::string Size(const json& object, const char* name) {
  const uint64_t bytes = CountField(object, name);
  return bytes > 0 ? FormatSize(bytes) : std::string();
}

std::string Percent(const json& object, const char* name) {
  return object.contains(name) ? fmt::format("{}%", CountField(object, name)) : std::string();
}

std::string Hosts(const TopSample& before, const TopSample& now, const Terminal& terminal) {
  Table table({{"HOST"},
               {"STATE"},
               {"UP", Align::kRight},
               {"QUEUED", Align::kRight},
               {"RUNNING", Align::kRight},
               {"DONE/S", Align::kRight},
               {"FAILED/S", Align::kRight},
               {"REFUSED/S", Align::kRight}});
  for (const json& status : now.status) {
    const json rates = Rates(before, now, status);
    const json& jobs = PartField(status, "jobs");
    table.Add({TextField(status, "host"), TextField(status, "state"),
               FormatTime(std::chrono::duration<double>(NumberField(status, "uptime_s"))),
               std::to_string(CountField(jobs, "queued")),
               std::to_string(CountField(jobs, "running")), Rate(rates, "succeeded"),
               Rate(rates, "failed"), Rate(rates, "refused")});
  }
  return table.Render(terminal);
}

std::string Devices(const TopSample& now, const Terminal& terminal) {
  Table table({{"HOST"},
               {"DEVICE"},
               {"RUNNING", Align::kRight},
               {"USE", Align::kRight},
               {"LEASED", Align::kRight},
               {"BUDGET", Align::kRight},
               {"USED", Align::kRight},
               {"TOTAL", Align::kRight},
               {"GPU", Align::kRight},
               {"TEMP", Align::kRight},
               {"HEALTH"}});
  for (const json& host : now.ps) {
    for (const json& device : PartField(host, "devices")) {
      const bool warm = device.contains("temperature_c");
      table.Add({TextField(host, "host"), TextField(device, "id"),
                 fmt::format("{}/{}", CountField(device, "running"), CountField(device, "lanes")),
                 Percent(device, "lanes_busy_percent"), Size(device, "leased_bytes"),
                 Size(device, "memory_bytes"), Size(device, "used_bytes"),
                 Size(device, "total_bytes"), Percent(device, "busy_percent"),
                 warm ? fmt::format("{} C", CountField(device, "temperature_c")) : "",
                 TextField(device, "health")});
    }
  }
  return table.Render(terminal);
}

// Where the model is loaded.
std::string LoadedOn(const json* ps, const std::string& model) {
  if (ps == nullptr) return {};
  std::set<std::string> devices;
  for (const json& instance : PartField(*ps, "instances")) {
    const std::string state = TextField(instance, "state");
    const bool loaded = state == "idle" || state == "running" || state == "loading";
    if (TextField(instance, "model") == model && loaded) {
      devices.insert(TextField(instance, "device"));
    }
  }
  return fmt::format("{}", fmt::join(devices, ","));
}

std::string Models(const TopSample& now, const Terminal& terminal) {
  Table table({{"HOST"}, {"MODEL"}, {"STATE"}, {"QUEUE", Align::kRight}, {"ON"}, {"WAITS FOR"}});
  for (const json& host : now.models) {
    const std::string name = TextField(host, "host");
    for (const json& model : PartField(host, "models")) {
      const json& queue = PartField(model, "queue");
      table.Add({name, TextField(model, "name"), TextField(model, "state"),
                 fmt::format("{}/{}", CountField(queue, "waiting"), CountField(queue, "max")),
                 LoadedOn(OfHost(now.ps, name), TextField(model, "name")),
                 TextField(queue, "for")});
    }
  }
  return table.Render(terminal);
}

std::string Jobs(const TopSample& now, const Terminal& terminal) {
  std::vector<std::pair<std::string, json>> jobs;
  for (const json& host : now.ps) {
    for (const json& job : PartField(host, "jobs")) jobs.emplace_back(TextField(host, "host"), job);
  }
  std::sort(jobs.begin(), jobs.end(), [](const auto& a, const auto& b) {
    return NumberField(a.second, "age_ms") > NumberField(b.second, "age_ms");
  });
  if (jobs.empty()) return "no jobs\n";
  Table table({{"HOST"},
               {"JOB"},
               {"MODEL"},
               {"STATE"},
               {"AGE", Align::kRight},
               {"DONE", Align::kRight},
               {"STAGE"}});
  for (size_t i = 0; i < std::min(jobs.size(), kMostJobs); ++i) {
    const auto& [host, job] = jobs[i];
    table.Add({host, TextField(job, "id"), TextField(job, "model"), TextField(job, "state"),
               FormatTime(std::chrono::duration<double, std::milli>(NumberField(job, "age_ms"))),
               fmt::format("{:.0f}%", 100 * NumberField(job, "fraction")),
               TextField(job, "stage")});
  }
  std::string text = table.Render(terminal);
  if (jobs.size() > kMostJobs) text += fmt::format("and {} more\n", jobs.size() - kMostJobs);
  return text;
}

}  // namespace

json TopJson(const TopSample& before, const TopSample& now) {
  json hosts = json::array();
  for (const json& status : now.status) {
    const std::string host = TextField(status, "host");
    const json* const ps = OfHost(now.ps, host);
    const json* const models = OfHost(now.models, host);
    const auto part = [](const json* from, const char* name) {
      return from == nullptr ? json::array() : PartField(*from, name);
    };
    hosts.push_back({{"host", host},
                     {"status", status},
                     {"devices", part(ps, "devices")},
                     {"instances", part(ps, "instances")},
                     {"jobs", part(ps, "jobs")},
                     {"models", part(models, "models")},
                     {"rates", Rates(before, now, status)}});
  }
  return {{"hosts", std::move(hosts)}};
}

std::string TopText(const TopSample& before, const TopSample& now, const Terminal& terminal) {
  return Hosts(before, now, terminal) + "\n" + Devices(now, terminal) + "\n" +
         Models(now, terminal) + "\n" + Jobs(now, terminal);
}

}  // namespace darkroom
