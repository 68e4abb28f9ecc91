// SPDX-License-Identifier: Apache-2.0

#include "control/status_page.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "core/excerpt.h"
#include "core/units.h"
#include "core/version.h"

namespace darkroom {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::duration_cast;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kLongestError = 160;

// Rows under their headings, each column as wide as it must be.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) { rows_.push_back(std::move(headings)); }
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  std::string Text() const {
    std::vector<size_t> widths(rows_.front().size());
    for (const auto& row : rows_) {
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
      std::string line = " ";
      for (size_t i = 0; i < row.size(); ++i) line += fmt::format(" {:<{}}", row[i], widths[i]);
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

// In whole seconds, as people say it.
std::string Long(std::chrono::nanoseconds duration) {
  return FormatDuration(duration_cast<seconds>(duration));
}

std::string Devices(const ControlView& view, SteadyClock::time_point now) {
  Table table({"DEVICE", "STATE", "LANES", "BUSY", "LEASED", "MEMORY", "NAME"});
  for (const Device& device : view.pool.devices()) {
    double busy = 0;
    uint32_t running = 0;
    for (const auto& lane : view.lanes) {
      if (&lane->device() != &device) continue;
      busy += lane->BusyPart(now);
      if (lane->running()) ++running;
    }
    std::string state = "missing";
    if (device.error.ok()) state = HealthStateName(view.pool.HealthOf(device).state());
    table.Add({device.id, state, fmt::format("{}/{}", running, device.lanes),
               fmt::format("{:.0f}%", 100 * busy / std::max(device.lanes, 1U)),
               FormatSize(view.pool.LedgerOf(device).leased()),
               device.memory > 0 ? FormatSize(device.memory) : "-",
               device.gpu ? device.gpu->name : "-"});
  }
  return table.Text();
}

std::string Models(const ControlView& view, SteadyClock::time_point now) {
  Table table({"MODEL", "PLUGIN", "STATE", "RUNNING", "WAITING", "OLDEST", "FOR", "ENDED"});
  for (const auto& model : view.models) {
    const bool waits = !model->queue.empty();
    table.Add(
        {model->config.name,
         fmt::format("{} {}", model->info().id.empty() ? model->config.plugin : model->info().id,
                     model->info().version),
         std::string(ModelStateName(model->state)), std::to_string(model->running),
         fmt::format("{}/{}", model->queue.size(), model->queue.capacity()),
         waits ? Long(now - model->queue.Oldest()->accepted) : "-",
         waits ? WaitWord(model->waits.cause(), model->queue.lines().front().job_class) : "-",
         std::to_string(model->jobs_ended)});
  }
  return table.Text();
}

std::string Troubles(const ControlView& view) {
  std::string text;
  for (const auto& model : view.models) {
    if (model->error.ok()) continue;
    text += fmt::format("  {}: {}\n", model->config.name, model->error.ToString());
  }
  if (const std::string devices = view.health.Summary(); !devices.empty()) {
    text += fmt::format("  {}\n", devices);
  }
  const auto now = std::chrono::system_clock::now();
  for (const ConnectionLog::Entry& entry : view.nats_log.Entries()) {
    text += fmt::format("  NATS, {}: {} ({} times, last {} ago)\n", entry.connection,
                        Excerpt(entry.what, kLongestError), entry.times, Long(now - entry.last));
  }
  return text;
}

std::string Errors(const JobMetrics& metrics) {
  std::string text;
  const auto now = std::chrono::system_clock::now();
  for (const JobMetrics::Error& error : metrics.errors()) {
    text += fmt::format("  {} ago  {}{}{}: {}\n", Long(now - error.when), error.job,
                        error.job.empty() ? "" : " ", error.model,
                        Excerpt(error.status.ToString(), kLongestError));
  }
  return text.empty() ? "  none\n" : text;
}

}  // namespace

std::string StatusPage(const ControlView& view, const NatsLinks& links, const JobMetrics& metrics,
                       std::chrono::system_clock::time_point started) {
  const auto now = SteadyClock::now();
  std::string text = fmt::format(
      "darkroomd {} on {}, {}, up {} (pid {})\n"
      "NATS {}: {}, {} reconnects\n"
      "jobs: {} queued, {} running; {} succeeded, {} failed, {} cancelled, {} expired, {} "
      "refused\n",
      kVersion, view.host, view.state, Long(std::chrono::system_clock::now() - started), getpid(),
      view.url, links.connected() ? "connected" : "not connected", links.reconnects(),
      view.jobs.Count(JobState::kQueued), view.jobs.Count(JobState::kRunning),
      view.jobs.Count(JobState::kSucceeded), view.jobs.Count(JobState::kFailed),
      view.jobs.Count(JobState::kCancelled), view.jobs.Count(JobState::kExpired),
      view.admission.refused());
  text += "\ndevices\n" + Devices(view, now) + "\nmodels\n" + Models(view, now);
  if (const std::string troubles = Troubles(view); !troubles.empty()) {
    text += "\nwhat is wrong\n" + troubles;
  }
  text += "\nlast errors\n" + Errors(metrics);
  return text;
}

HttpPage HealthPage(const ControlView& view) {
  if (view.health.hopeful(Job::Clock::now())) return {.body = "ok\n"};
  return {.status = 503, .body = view.health.Summary() + "\n"};
}

HttpPage ReadyPage(const ControlView& view, const Connection& connection) {
  std::vector<std::string> missing;
  if (view.state != "ready") missing.push_back("the daemon is " + view.state);
  if (!connection.connected()) missing.push_back("there is no connection to " + view.url);
  if (!view.health.ready()) missing.push_back("no device can be used: " + view.health.Summary());
  if (missing.empty()) return {.body = "ready\n"};
  return {.status = 503, .body = fmt::format("{}\n", fmt::join(missing, "\n"))};
}

}  // namespace darkroom
