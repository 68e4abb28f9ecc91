// SPDX-License-Identifier: Apache-2.0

#include "scheduler/scheduler.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "core/times.h"
#include "scheduler/batcher.h"

namespace darkroom {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

// So long before the batch that runs is thought to end the next is given to the lane, which has it
// at hand then. Sooner, it would be smaller than it need be, and in the way of more urgent ones.
constexpr auto kAhead = milliseconds(2);
// What nobody has measured is taken to be short, and yet not nothing, so that accounts go on.
constexpr double kLeastMs = 0.01;
// A step that nobody has measured, or that is so short that it need not be looked at more often.
constexpr double kLeastStepMs = 5;
// A batch may take so many times what its model's take in the mean.
constexpr double kCaution = 1.25;

Scheduler::Time After(Scheduler::Time time, double ms) {
  return time + duration_cast<Job::Clock::duration>(duration<double, std::milli>(ms));
}

double JobMs(const Model& model) { return std::max(model.times.job_ms(), kLeastMs); }
// How long what goes first of a model has the lane before another may have it.
double TurnMs(const Model& model) {
  if (model.info().stepwise) return std::max(model.times.step_ms(), kLeastStepMs);
  return std::max(model.times.batch_ms(), kLeastMs);
}

// How many more of the model's jobs may run.
uint32_t Room(const Model& model) {
  const uint32_t most = model.config.max_concurrency;
  return most == 0 ? UINT32_MAX : most - std::min(most, model.running);
}

struct First {
  Job* job;
  Scheduler::Time due;
};

// The earliest deadline goes first, of those that can be met: where there is more work than time
// nothing would be done but what comes too late. What is too late goes when there is nothing else,
// since it may take less than others did.
First FirstOf(const JobQueue::Line& line, const Model& model, Scheduler::Time now) {
  const Scheduler::Time due = After(now + kAhead, model.times.batch_ms() * kCaution);
  const auto job = std::partition_point(line.jobs.begin(), line.jobs.end(),
                                        [due](const Job* one) { return one->deadline < due; });
  if (job == line.jobs.end()) return {line.jobs.front(), Scheduler::Time::min()};
  return {*job, due};
}

}  // namespace

void Scheduler::AddLane(LaneClient* lane) { lanes_.push_back({lane, {}, true}); }

Scheduler::Entry& Scheduler::EntryOf(const LaneClient* lane) {
  const auto entry = std::find_if(lanes_.begin(), lanes_.end(),
                                  [lane](const Entry& one) { return one.lane == lane; });
  assert(entry != lanes_.end());
  return *entry;
}

void Scheduler::Serve(LaneClient* lane, Model* model) {
  std::vector<Model*>& models = EntryOf(lane).models;
  if (std::find(models.begin(), models.end(), model) != models.end()) return;
  models.push_back(model);
  ++model->lanes;
  if (!model->queue.empty()) Enqueued(model);
}

void Scheduler::StopServing(LaneClient* lane, Model* model) {
  std::vector<Model*>& models = EntryOf(lane).models;
  const auto place = std::find(models.begin(), models.end(), model);
  if (place == models.end()) return;
  models.erase(place);
  --model->lanes;
}

void Scheduler::Enqueued(Model* model) {
  for (Entry& entry : lanes_) {
    const bool serves =
        std::find(entry.models.begin(), entry.models.end(), model) != entry.models.end();
    if (!entry.waiting || !serves) continue;
    entry.waiting = false;
    entry.lane->Wake();
    // A lane that could not take the job (it runs another model's) waits on; another may be free.
    if (model->queue.empty()) return;
  }
}

double Scheduler::VirtualStart(const JobQueue::Line& line) const {
  // Whoever was away has saved nothing up.
  const auto index = static_cast<size_t>(line.job_class);
  return std::max(line.tenant->served[index], virtual_now_[index]);
}

bool Scheduler::GoesBefore(const Candidate& a, const Candidate& b) const {
  if (a.line->tenant != b.line->tenant) {
    const double start_a = VirtualStart(*a.line);
    const double start_b = VirtualStart(*b.line);
    if (start_a != start_b) return start_a < start_b;
  }
  const Job& job_a = *a.job;
  const Job& job_b = *b.job;
  return job_a.deadline != job_b.deadline ? job_a.deadline < job_b.deadline
                                          : job_a.token < job_b.token;
}

PerClass<Scheduler::Candidate> Scheduler::Candidates(const Entry& entry, Time now,
                                                     std::optional<Time>* again) const {
  PerClass<Candidate> best;
  for (Model* model : entry.models) {
    if (model->queue.empty() || Room(*model) == 0) continue;
    if (model->queue.size() < model->contract->max_batch && model->config.max_delay.count() > 0) {
      const Time until = model->queue.Oldest()->accepted + model->config.max_delay;
      if (now < until) {
        SetEarlier(again, until);
        continue;
      }
    }
    for (const JobQueue::Line& line : model->queue.lines()) {
      Candidate& first = best[static_cast<size_t>(line.job_class)];
      const auto [job, due] = FirstOf(line, *model, now);
      const Candidate candidate{model, &line, job, due};
      if (first.model == nullptr || GoesBefore(candidate, first)) first = candidate;
    }
  }
  return best;
}

Scheduler::Choice Scheduler::Next(LaneClient* lane, const std::optional<Running>& running, Time now,
                                  const std::vector<StepRun>& runs) {
  Entry& entry = EntryOf(lane);
  entry.waiting = true;
  Choice choice;
  const PerClass<Candidate> best = Candidates(entry, now, &choice.again);
  if (!runs.empty()) return NextBeside(&entry, runs, running.has_value(), best, now, choice.again);
  PerClass<std::optional<double>> waiting;
  bool any = false;
  for (size_t i = 0; i < best.size(); ++i) {
    if (best[i].model == nullptr) continue;
    waiting[i] = TurnMs(*best[i].model);
    any = true;
  }
  if (!any) return choice;
  const JobClass first = classes_.First(waiting);
  const Candidate& chosen = best[static_cast<size_t>(first)];
  if (running) {
    if (running->model != chosen.model) return choice;
    const RunTimes& times = chosen.model->times;
    // Its pictures are decoded while the present one runs.
    const double lead_ms = std::min(times.prepare_ms(), times.batch_ms());
    const Time ahead = After(running->since, times.batch_ms() - lead_ms) - kAhead;
    if (now < ahead) {
      SetEarlier(&choice.again, ahead);
      return choice;
    }
  }
  entry.waiting = false;
  classes_.Given(first, waiting);
  choice.batch = Take(chosen);
  return choice;
}

// With something that runs in steps on the lane, or is paused there: each such run waits for its
// next step as others wait for their turn, before what is new of its class.
Scheduler::Choice Scheduler::NextBeside(Entry* entry, const std::vector<StepRun>& runs,
                                        bool batch_runs, const PerClass<Candidate>& best, Time now,
                                        std::optional<Time> again) {
  Choice choice;
  choice.again = again;
  PerClass<std::optional<size_t>> of_class;
  std::optional<size_t> stepping;
  for (size_t i = 0; i < runs.size(); ++i) {
    auto& first = of_class[static_cast<size_t>(runs[i].job_class)];
    if (!first || !runs[i].paused) first = i;
    if (!runs[i].paused) stepping = i;
  }
  PerClass<std::optional<double>> waiting;
  size_t classes = 0;
  for (size_t i = 0; i < waiting.size(); ++i) {
    if (of_class[i]) {
      waiting[i] = TurnMs(*runs[*of_class[i]].model);
    } else if (best[i].model != nullptr) {
      waiting[i] = TurnMs(*best[i].model);
    }
    if (waiting[i]) ++classes;
  }
  const JobClass first = classes_.First(waiting);
  const Candidate& candidate = best[static_cast<size_t>(first)];
  const std::optional<size_t> run = of_class[static_cast<size_t>(first)];
  const auto give = [&](uint32_t room) {
    entry->waiting = false;
    choice.batch = Take(candidate, room);
  };
  const auto joins = [&](const StepRun& one) {
    return candidate.model == one.model && one.room > 0 && candidate.job->attempts == 0 &&
           SameBatchKey(*one.like, *candidate.job);
  };

  if (stepping && (run == stepping || candidate.model == runs[*stepping].model)) {
    const StepRun& one = runs[*stepping];
    // Others are owed their part of the time that it has, and it is looked at again when they may
    // be owed enough.
    if (classes > 1) {
      if (now >= entry->step_end) {
        classes_.Given(one.job_class, waiting);
        entry->step_end = After(now, TurnMs(*one.model));
      }
      SetEarlier(&choice.again, entry->step_end);
    }
    if (joins(one)) give(one.room);
  } else if (stepping) {
    choice.pause = true;
  } else if (batch_runs) {
    // What is next is decided when it has ended.
  } else if (run) {
    choice.resume = run;
    classes_.Given(first, waiting);
    entry->step_end = After(now, TurnMs(*runs[*run].model));
    if (classes > 1) SetEarlier(&choice.again, entry->step_end);
  } else {
    classes_.Given(first, waiting);
    const auto paused = std::find_if(
        runs.begin(), runs.end(), [&](const StepRun& one) { return one.model == candidate.model; });
    if (paused == runs.end()) {
      give(UINT32_MAX);
    } else {
      // Its model's place is taken: it joins there, or what is there has to end first.
      choice.resume = static_cast<size_t>(paused - runs.begin());
      if (joins(*paused)) give(paused->room);
    }
  }
  return choice;
}

std::vector<Job*> Scheduler::Take(const Candidate& candidate, uint32_t most) {
  Model* const model = candidate.model;
  const auto index = static_cast<size_t>(candidate.line->job_class);
  virtual_now_[index] = VirtualStart(*candidate.line);
  most = std::min({most, std::max(model->contract->max_batch, 1U), Room(*model)});
  std::vector<Job*> batch = TakeBatch(model, *candidate.line, candidate.job, most, candidate.due);
  for (Job* job : batch) {
    job->charged_ms = JobMs(*model);
    const auto of = static_cast<size_t>(job->job_class);
    double& served = job->tenant->served[of];
    served = std::max(served, virtual_now_[of]) + job->charged_ms / job->tenant->weight;
  }
  return batch;
}

void Scheduler::Correct(const Job& job, double ms) {
  Tenant& tenant = *job.tenant;
  tenant.served[static_cast<size_t>(job.job_class)] += (ms - job.charged_ms) / tenant.weight;
}

}  // namespace darkroom
