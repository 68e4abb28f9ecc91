// SPDX-License-Identifier: Apache-2.0

#include "control/metrics_page.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "control/process_figures.h"
#include "core/version.h"

namespace darkroom {
namespace {

using SteadyClock = std::chrono::steady_clock;
using prometheus::MetricFamily;
using Labels = std::vector<prometheus::ClientMetric::Label>;

double Seconds(SteadyClock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// Series of what is read when somebody asks.
class Families {
 public:
  explicit Families(std::vector<MetricFamily> counted) : families_(std::move(counted)) {}

  // Starts a family; Add is of the last one.
  void Gauge(const char* name, const char* help) {
    Start(name, help, prometheus::MetricType::Gauge);
  }
  void Counter(const char* name, const char* help) {
    Start(name, help, prometheus::MetricType::Counter);
  }
  // A plugin's. A histogram is its sum and count: a summary without quantiles.
  void Start(const std::string& name, const std::string& help, host::MetricKind kind) {
    Start(name, help,
          kind == host::MetricKind::kGauge     ? prometheus::MetricType::Gauge
          : kind == host::MetricKind::kCounter ? prometheus::MetricType::Counter
                                               : prometheus::MetricType::Summary);
  }
  // `count`: of a summary.
  void Add(double value, Labels labels = {}, uint64_t count = 0) {
    prometheus::ClientMetric metric;
    metric.label = std::move(labels);
    if (families_.back().type == prometheus::MetricType::Gauge) {
      metric.gauge.value = value;
    } else if (families_.back().type == prometheus::MetricType::Summary) {
      metric.summary.sample_sum = value;
      metric.summary.sample_count = count;
    } else {
      metric.counter.value = value;
    }
    families_.back().metric.push_back(std::move(metric));
  }

  std::string Text() const { return prometheus::TextSerializer().Serialize(families_); }

 private:
  void Start(const std::string& name, const std::string& help, prometheus::MetricType type) {
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    families_.push_back(std::move(family));
  }

  std::vector<MetricFamily> families_;
};

void AddDaemon(const ControlView& view, const NatsLinks& links, Families* all) {
  all->Gauge("darkroom_build_info", "1; what this is.");
  all->Add(1, {{"version", kVersion}, {"host", view.host}});
  all->Gauge("darkroom_ready", "Whether jobs are served.");
  all->Add(view.state == "ready" ? 1 : 0);
  all->Gauge("darkroom_nats_connected", "Whether there is a connection to the NATS server.");
  all->Add(links.connected() ? 1 : 0);
  all->Counter("darkroom_nats_reconnects_total", "Connections after the first ones.");
  all->Add(static_cast<double>(links.reconnects()));
  all->Counter("darkroom_nats_troubles_total", "What went wrong with the NATS server, by kind.");
  for (size_t kind = 0; kind < kNatsTroubles; ++kind) {
    const auto trouble = static_cast<NatsTrouble>(kind);
    all->Add(static_cast<double>(view.nats_log.Count(trouble)),
             {{"kind", std::string(NatsTroubleName(trouble))}});
  }
  all->Gauge("darkroom_jobs_in_flight", "Jobs that are here and have not ended.");
  for (const JobState state : {JobState::kQueued, JobState::kRunning}) {
    all->Add(static_cast<double>(view.jobs.Count(state)),
             {{"state", std::string(JobStateName(state))}});
  }
}

void AddModels(const ControlView& view, SteadyClock::time_point now, Families* all) {
  all->Gauge("darkroom_model_state", "1 for the state that the model is in.");
  for (const auto& model : view.models) {
    all->Add(1,
             {{"model", model->config.name}, {"state", std::string(ModelStateName(model->state))}});
  }
  all->Gauge("darkroom_queue_depth", "Jobs that wait.");
  for (const auto& model : view.models) {
    all->Add(static_cast<double>(model->queue.size()), {{"model", model->config.name}});
  }
  all->Gauge("darkroom_queue_oldest_seconds", "How long the oldest of them has been waiting.");
  for (const auto& model : view.models) {
    const double age = model->queue.empty() ? 0 : Seconds(now - model->queue.Oldest()->accepted);
    all->Add(age, {{"model", model->config.name}});
  }
  all->Counter("darkroom_model_loads_total", "How often the model was loaded.");
  for (const auto& model : view.models) {
    all->Add(static_cast<double>(model->loads), {{"model", model->config.name}});
  }
  all->Counter("darkroom_model_load_seconds_total", "Time that this took.");
  for (const auto& model : view.models) {
    all->Add(model->load_ms / 1000, {{"model", model->config.name}});
  }
}

void AddDevices(const ControlView& view, SteadyClock::time_point now, Families* all) {
  const std::vector<Device>& devices = view.pool.devices();
  all->Gauge("darkroom_device_healthy", "Whether the device can be used.");
  for (const Device& device : devices) {
    all->Add(device.error.ok() && view.pool.HealthOf(device).usable() ? 1 : 0,
             {{"device", device.id}});
  }
  all->Gauge(
      "darkroom_device_memory_bytes",
      "Memory of the device: what models may have together, what they lease, and where it can "
      "be told what there is and what is used by anybody.");
  for (const Device& device : devices) {
    const auto add = [&](double bytes, const char* state) {
      all->Add(bytes, {{"device", device.id}, {"state", state}});
    };
    if (device.memory > 0) add(static_cast<double>(device.memory), "budget");
    add(static_cast<double>(view.pool.LedgerOf(device).leased()), "leased");
    if (!device.gpu) continue;
    add(static_cast<double>(device.gpu->memory), "total");
    const auto load = view.gpus.LoadOf(device.gpu->number);
    if (load && load->memory_used) add(static_cast<double>(*load->memory_used), "used");
  }
  all->Gauge("darkroom_device_lanes_busy_ratio", "Part of the last seconds that lanes were busy.");
  for (const Device& device : devices) {
    double busy = 0;
    for (const auto& lane : view.lanes) {
      if (&lane->device() == &device) busy += lane->BusyPart(now);
    }
    all->Add(busy / std::max(device.lanes, 1U), {{"device", device.id}});
  }
  all->Gauge("darkroom_device_utilization_ratio", "What the GPU's driver says of it.");
  for (const Device& device : devices) {
    const auto load = device.gpu ? view.gpus.LoadOf(device.gpu->number) : std::nullopt;
    if (load && load->busy_percent) all->Add(*load->busy_percent / 100.0, {{"device", device.id}});
  }
  all->Counter("darkroom_device_losses_total", "How often work was lost on the device.");
  for (const Device& device : devices) {
    if (!device.error.ok()) continue;
    all->Add(static_cast<double>(view.pool.HealthOf(device).losses()), {{"device", device.id}});
  }
}

void AddWorkers(const ControlView& view, Families* all) {
  struct Worker {
    std::string plugin;
    std::string device;
    bool open = false;
    uint64_t crashes = 0;
  };
  std::vector<Worker> workers;
  std::set<const Hosting*> seen;
  for (const auto& lane : view.lanes) {
    for (const auto& [slot, serves, home] : lane->Slots()) {
      const Hosting& hosting = slot->hosting();
      if (!seen.insert(&hosting).second) continue;
      workers.push_back(
          {slot->contract()->info.id, lane->device().id, hosting.pid() != 0, hosting.crashes()});
    }
  }
  std::map<std::pair<std::string, std::string>, std::pair<double, double>> sums;
  for (const Worker& worker : workers) {
    auto& [open, crashes] = sums[{worker.plugin, worker.device}];
    open += worker.open ? 1 : 0;
    crashes += static_cast<double>(worker.crashes);
  }
  all->Gauge("darkroom_workers", "Worker processes.");
  for (const auto& [name, sum] : sums) {
    all->Add(sum.first, {{"plugin", name.first}, {"device", name.second}});
  }
  all->Counter("darkroom_worker_crashes_total",
               "How often the plugin's worker was lost, since the plugin was loaded.");
  for (const auto& [name, sum] : sums) {
    all->Add(sum.second, {{"plugin", name.first}, {"device", name.second}});
  }
}

// "darkroom_plugin_my_model_tiles_total" of the plugin my-model's counter `tiles`.
std::string SeriesName(const std::string& plugin, const std::string& metric,
                       host::MetricKind kind) {
  std::string name = "darkroom_plugin_" + plugin + "_" + metric;
  std::replace(name.begin(), name.end(), '-', '_');
  if (kind == host::MetricKind::kCounter && !name.ends_with("_total")) name += "_total";
  return name;
}

// What plugins count themselves: of each a family, with the sum of a model's instances on a device.
void AddPlugins(const ControlView& view, Families* all) {
  struct Sums {
    host::MetricKind kind = host::MetricKind::kCounter;
    std::string help;
    std::map<std::pair<std::string, std::string>, std::pair<double, uint64_t>> of;
  };
  std::map<std::string, Sums> families;
  for (const auto& lane : view.lanes) {
    for (const auto& [slot, serves, home] : lane->Slots()) {
      for (const auto& [metric, value] : slot->metrics().all()) {
        const std::string name = SeriesName(slot->contract()->info.id, metric, value.kind);
        Sums& sums = families.try_emplace(name, Sums{value.kind, value.help, {}}).first->second;
        if (sums.kind != value.kind) continue;  // an older generation's, maybe
        auto& [sum, count] = sums.of[{slot->model().config.name, lane->device().id}];
        sum += value.Value();
        count += value.Count();
      }
    }
  }
  for (const auto& [name, sums] : families) {
    all->Start(name, sums.help, sums.kind);
    for (const auto& [of, sum] : sums.of) {
      all->Add(sum.first, {{"model", of.first}, {"device", of.second}}, sum.second);
    }
  }
}

void AddTraces(const SpanCounts& spans, Families* all) {
  all->Counter("darkroom_trace_spans_total", "Spans for the collector of traces, by what became.");
  all->Add(static_cast<double>(spans.exported), {{"outcome", "exported"}});
  all->Add(static_cast<double>(spans.dropped), {{"outcome", "dropped"}});
  all->Add(static_cast<double>(spans.rejected), {{"outcome", "rejected"}});
}

// Under the names that all exporters have.
void AddProcess(Families* all) {
  const ProcessFigures figures = ReadProcessFigures();
  all->Counter("process_cpu_seconds_total", "CPU time of the daemon, without its workers.");
  all->Add(figures.cpu_seconds);
  all->Gauge("process_resident_memory_bytes", "Resident memory of the daemon.");
  all->Add(static_cast<double>(figures.resident_bytes));
  all->Gauge("process_open_fds", "File descriptors of the daemon.");
  all->Add(static_cast<double>(figures.open_files));
  all->Gauge("process_start_time_seconds", "When the daemon was started.");
  all->Add(figures.start_time);
}

}  // namespace

std::string MetricsPage(const ControlView& view, const NatsLinks& links, const JobMetrics& metrics,
                        const SpanCounts& spans) {
  const auto now = SteadyClock::now();
  Families all(metrics.Collect());
  AddDaemon(view, links, &all);
  AddModels(view, now, &all);
  AddDevices(view, now, &all);
  AddWorkers(view, &all);
  AddPlugins(view, &all);
  AddTraces(spans, &all);
  AddProcess(&all);
  return all.Text();
}

}  // namespace darkroom
