// SPDX-License-Identifier: Apache-2.0
//
// Jobs in a real worker: what goes in by the arena comes out of it.

#include "worker/remote_instance.h"

#include <gmock/gmock.h>

#include <random>

#include "tests/worker/worker_fixture.h"

namespace darkroom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string Noise(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::string noise(size, '\0');
  for (char& byte : noise) byte = static_cast<char>(random());
  return noise;
}

class RemoteInstanceTest : public WorkerFixture {
 protected:
  // Whether the echo is what was sent.
  bool Echoes(Served& served, uint64_t token, const std::string& sent) {
    const host::JobResult result = Take(served, token);
    EXPECT_TRUE(result.status.ok()) << result.status.ToString();
    return result.outputs.size() == 1 && AsText(result.outputs[0].bytes.bytes()) == sent;
  }
  // A job of mock's that takes ten minutes and tells how far it is, unless it is cancelled.
  static host::HostJob LongJob(uint64_t token) {
    return MakeJob(token, "", R"({"delay_ms":600000,"progress_steps":60000})");
  }
  void AwaitProgress(Served& served) {
    EXPECT_TRUE(RunUntil(io_, [&] { return !served.heard->progress.empty(); }));
  }
};

TEST_F(RemoteInstanceTest, RunsJobs) {
  const auto opening = OpenSound(ECHO_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  std::vector<std::string> sent;
  std::mt19937 random(1);
  for (uint32_t i = 0; i < 100; ++i) {
    const size_t size = i % 10 == 0 ? 0 : random() % (i % 7 == 0 ? 300'000 : 3000);
    sent.push_back(Noise(size, i));
  }
  int batches = 0;
  for (size_t next = 0; next < sent.size(); ++batches) {
    std::vector<host::HostJob> batch;
    for (size_t size = 1 + next % 16; size > 0 && next < sent.size(); --size, ++next) {
      batch.push_back(MakeJob(next + 1, sent[next]));
    }
    served.instance->Run(std::move(batch));
  }
  for (uint64_t i = 0; i < sent.size(); ++i) EXPECT_TRUE(Echoes(served, i + 1, sent[i])) << i;
  EXPECT_TRUE(RunUntil(io_, [&] { return served.heard->batches == batches; }));
}

TEST_F(RemoteInstanceTest, ResultsSayWhatTheHostSaid) {
  const auto opening = OpenSound(ECHO_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(MakeJob(1, "one"), MakeJob(2, "two")));
  const host::JobResult result = Take(served, 2);
  EXPECT_EQ(result.batch_size, 2U);
  ASSERT_EQ(result.outputs.size(), 1U);
  EXPECT_EQ(result.outputs[0].name, "data");
  EXPECT_EQ(result.outputs[0].kind, host::OutputKind::kBytes);
  EXPECT_EQ(result.outputs[0].content_type, "application/octet-stream");
}

TEST_F(RemoteInstanceTest, OutputsMayBeLargerThanGuessed) {
  const auto opening = OpenSound(ECHO_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  uint64_t token = 0;
  // Each size comes twice: the second time it is expected.
  for (const size_t kib : {1U, 1U, 1024U, 1024U, 1U, 64U, 10'240U, 10'240U, 1U}) {
    const std::string sent = Noise(kib << 10, static_cast<uint32_t>(kib));
    served.instance->Run(Batch(MakeJob(++token, sent)));
    EXPECT_TRUE(Echoes(served, token, sent)) << token;
  }
}

TEST_F(RemoteInstanceTest, ManyJobsOfABatchAskForRoom) {
  const auto opening = OpenSound(ECHO_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  std::vector<std::string> sent;
  std::vector<host::HostJob> batch;
  sent.reserve(16);
  for (uint32_t i = 0; i < 16; ++i) {
    sent.push_back(Noise(1 << 20, i));
    batch.push_back(MakeJob(i + 1, sent[i]));
  }
  served.instance->Run(std::move(batch));
  for (uint64_t i = 0; i < sent.size(); ++i) EXPECT_TRUE(Echoes(served, i + 1, sent[i])) << i;
}

TEST_F(RemoteInstanceTest, ARequestWithoutRoomIsRefused) {
  set_up_.arena_bytes = 4 << 20;
  const auto opening = OpenSound(ECHO_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  const std::string large(5 << 20, 'x');
  served.instance->Run(Batch(MakeJob(1, large)));
  EXPECT_THAT(served.heard->results, IsEmpty());  // never from inside the call
  const host::JobResult refused = Take(served, 1);
  EXPECT_EQ(refused.status.code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.status.message(), HasSubstr("no room for the request"));
  EXPECT_EQ(served.heard->batches, 1);
  // In a batch with others it is refused alone.
  served.instance->Run(Batch(MakeJob(2, "a"), MakeJob(3, large), MakeJob(4, "b")));
  EXPECT_TRUE(Echoes(served, 2, "a"));
  EXPECT_TRUE(Echoes(served, 4, "b"));
  EXPECT_EQ(Take(served, 3).status.code(), Code::kResourceExhausted);
  EXPECT_TRUE(RunUntil(io_, [&] { return served.heard->batches == 2; }));
}

TEST_F(RemoteInstanceTest, AnOutputWithoutRoomIsAFailure) {
  set_up_.arena_bytes = 4 << 20;
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(MakeJob(1, "", R"({"output_bytes":5000000})"),
                             MakeJob(2, "", R"({"output_bytes":1000000})")));
  const host::JobResult failed = Take(served, 1);
  EXPECT_EQ(failed.status.code(), Code::kResourceExhausted);
  EXPECT_THAT(failed.status.message(), HasSubstr("5000000 bytes has no room"));
  EXPECT_THAT(failed.outputs, IsEmpty());
  const host::JobResult result = Take(served, 2);
  ASSERT_EQ(result.outputs.size(), 1U) << result.status.ToString();
  EXPECT_EQ(result.outputs[0].bytes.size(), 1'000'000U);
}

TEST_F(RemoteInstanceTest, FailuresComeInThePluginsWords) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(MakeJob(1, "", R"({"fail":"not_found","message":"no such face"})")));
  const host::JobResult result = Take(served, 1);
  EXPECT_EQ(result.status.code(), Code::kNotFound);
  EXPECT_THAT(result.status.message(), HasSubstr("no such face"));
}

TEST_F(RemoteInstanceTest, AConfigurationIsRefusedInThePluginsWords) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  const Served served = Create(*opening->plugin, R"({"options":{"lod":1}})");
  ASSERT_TRUE(served.heard->created);
  EXPECT_EQ(served.heard->created->code(), Code::kInvalidArgument);
  EXPECT_THAT(served.heard->created->message(), HasSubstr("unknown option 'lod'"));
  // It goes, and others come.
  CreateLoaded(*opening->plugin);
}

TEST_F(RemoteInstanceTest, FailsToLoad) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served served = Create(*opening->plugin, R"({"options":{"load_fail":"resource_exhausted"}})");
  served.instance->Load(host::kNoMemoryLimit);
  served.instance->Run(Batch(MakeJob(1, "")));
  EXPECT_EQ(Take(served, 1).status.code(), Code::kFailedPrecondition);
  ASSERT_TRUE(served.heard->loaded);
  EXPECT_EQ(served.heard->loaded->code(), Code::kResourceExhausted);
  EXPECT_TRUE(RunUntil(io_, [&] { return served.heard->batches == 1; }));
}

TEST_F(RemoteInstanceTest, IsUnloadedAndLoadedAgain) {
  const auto opening = OpenSound(ECHO_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Unload();
  EXPECT_TRUE(RunUntil(io_, [&] { return served.heard->unloaded == 1; }));
  served.heard->loaded.reset();
  served.instance->Load(host::kNoMemoryLimit);
  served.instance->Run(Batch(MakeJob(1, "again")));
  EXPECT_TRUE(Echoes(served, 1, "again"));
  EXPECT_TRUE(served.heard->loaded && served.heard->loaded->ok());
}

TEST_F(RemoteInstanceTest, TellsProgress) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(MakeJob(7, "", R"({"progress_steps":4})")));
  EXPECT_TRUE(Take(served, 7).status.ok());
  // At least the newest is told before the end.
  ASSERT_FALSE(served.heard->progress.empty());
  EXPECT_EQ(served.heard->progress.back(), std::tuple(7, 1.0, "step 4/4"));
}

TEST_F(RemoteInstanceTest, CancelsAJobThatRuns) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(LongJob(1)));
  AwaitProgress(served);
  served.instance->Cancel(99);  // nobody
  served.instance->Cancel(1);
  served.instance->Cancel(1);
  EXPECT_EQ(Take(served, 1).status.code(), Code::kCancelled);
  EXPECT_TRUE(RunUntil(io_, [&] { return served.heard->batches == 1; }));
}

TEST_F(RemoteInstanceTest, CancelsAJobThatWaits) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(LongJob(1)));
  served.instance->Run(Batch(LongJob(2)));
  AwaitProgress(served);
  // It need not wait for the one that runs.
  served.instance->Cancel(2);
  EXPECT_THAT(served.heard->results, IsEmpty());
  EXPECT_EQ(Take(served, 2).status.ToString(), "cancelled: cancelled while it waited");
  EXPECT_THAT(served.heard->results, IsEmpty());
  served.instance->Cancel(1);
  EXPECT_EQ(Take(served, 1).status.code(), Code::kCancelled);
  EXPECT_TRUE(RunUntil(io_, [&] { return served.heard->batches == 2; }));
  EXPECT_THAT(served.heard->results, IsEmpty());  // once
}

TEST_F(RemoteInstanceTest, ALossNamesTheJobsThatHadBegun) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(MakeJob(1, ""), LongJob(2), LongJob(3)));
  served.instance->Run(Batch(LongJob(4)));
  EXPECT_TRUE(Take(served, 1).status.ok());
  AwaitProgress(served);
  kill(opening->plugin->pid(), SIGKILL);
  EXPECT_TRUE(RunUntil(io_, [&] { return opening->lost.has_value(); }));
  EXPECT_THAT(order_, ElementsAre("instance", "plugin"));
  EXPECT_THAT(served.heard->suspects, testing::UnorderedElementsAre(2, 3));
  EXPECT_EQ(served.heard->lost->code(), Code::kInstanceLost);
  EXPECT_THAT(served.heard->results, IsEmpty());
}

TEST_F(RemoteInstanceTest, ALossWhileItLoadsMayBeAnyJobsFault) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served served = Create(*opening->plugin);
  kill(opening->plugin->pid(), SIGSTOP);
  served.instance->Load(host::kNoMemoryLimit);
  served.instance->Run(Batch(MakeJob(1, "")));
  served.instance->Run(Batch(MakeJob(2, "")));
  kill(opening->plugin->pid(), SIGKILL);
  EXPECT_TRUE(RunUntil(io_, [&] { return opening->lost.has_value(); }));
  EXPECT_THAT(served.heard->suspects, testing::UnorderedElementsAre(1, 2));
}

TEST_F(RemoteInstanceTest, NobodyIsSuspectedOfAnEndThatWasChosen) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(LongJob(1)));
  AwaitProgress(served);
  EXPECT_TRUE(opening->plugin->Kill({Code::kDeadlineExceeded, "it was late"}));
  EXPECT_TRUE(RunUntil(io_, [&] { return opening->lost.has_value(); }));
  EXPECT_EQ(served.heard->lost->ToString(), "deadline_exceeded: it was late");
  EXPECT_THAT(served.heard->suspects, IsEmpty());
}

TEST_F(RemoteInstanceTest, ResultsOutliveTheWorker) {
  const auto opening = OpenSound(ECHO_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  const std::string sent = Noise(3 << 20, 1);
  served.instance->Run(Batch(MakeJob(1, sent), MakeJob(2, sent)));
  const host::JobResult one = Take(served, 1);
  host::JobResult two = Take(served, 2);
  const pid_t pid = opening->plugin->pid();
  served.instance.reset();
  opening->plugin.reset();
  host_.reset();
  EXPECT_TRUE(IsGone(pid));
  two.outputs.clear();
  EXPECT_TRUE(AsText(one.outputs.at(0).bytes.bytes()) == sent);
}

TEST_F(RemoteInstanceTest, WhatJobsTookIsGivenBack) {
  auto worker = Worker::Start(io_, set_up_, log_.logger());
  ASSERT_TRUE(worker.ok()) << worker.status().ToString();
  const std::shared_ptr<Arena> arena = (*worker)->arena();
  const uint64_t unused = arena->used();  // the crash note
  RemotePlugin plugin(*worker, [](const Status&) {});
  std::optional<Status> opened;
  plugin.Open(FileOf(ECHO_PLUGIN), [&](const Status& status) { opened = status; });
  EXPECT_TRUE(RunUntil(io_, [&] { return opened.has_value(); }));
  {
    Served served = CreateLoaded(plugin);
    const std::string sent = Noise(100'000, 1);
    for (uint64_t i = 1; i <= 20; ++i) served.instance->Run(Batch(MakeJob(i, sent)));
    EXPECT_GT(arena->used(), 20 * sent.size());
    EXPECT_TRUE(RunUntil(io_, [&] { return served.heard->results.size() == 20; }));
    EXPECT_GT(arena->used(), 20 * sent.size());
    served.heard->results.clear();
    EXPECT_EQ(arena->used(), unused);
    // What it has not answered is given back when it is lost.
    kill(plugin.pid(), SIGSTOP);
    served.instance->Run(Batch(MakeJob(21, sent)));
    EXPECT_GT(arena->used(), sent.size());
    kill(plugin.pid(), SIGKILL);
    EXPECT_TRUE(RunUntil(io_, [&] { return served.heard->lost.has_value(); }));
  }
  EXPECT_EQ(arena->used(), unused);
}

TEST_F(RemoteInstanceTest, InstancesOfOnePluginWorkSideBySide) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served slow = CreateLoaded(*opening->plugin);
  Served quick = CreateLoaded(*opening->plugin);
  slow.instance->Run(Batch(LongJob(1)));
  AwaitProgress(slow);
  quick.instance->Run(Batch(MakeJob(1, "")));
  EXPECT_TRUE(Take(quick, 1).status.ok());
  EXPECT_THAT(slow.heard->results, IsEmpty());
}

TEST_F(RemoteInstanceTest, CarriesStatesOutAndIn) {
  const auto opening = OpenSound(MOCK_STEPS_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  const auto job = [](uint64_t token) {
    host::HostJob one;
    one.token = token;
    one.id = "job-" + std::to_string(token);
    one.params = R"({"steps":300,"step_ms":1,"fail_at":0,"seed":9})";
    return one;
  };
  host::HostJob saving = job(1);
  saving.save_every = std::chrono::milliseconds(1);
  served.instance->Run(Batch(std::move(saving)));
  const host::JobResult whole = Take(served, 1);
  ASSERT_TRUE(whole.status.ok()) << whole.status.ToString();
  ASSERT_TRUE(served.heard->saved.contains(1));
  const auto state = std::make_shared<const SavedState>(std::move(served.heard->saved[1]));
  EXPECT_GT(state->step, 0U);
  EXPECT_LT(state->step, 300U);

  host::HostJob resumed = job(2);
  resumed.state = state;
  served.instance->Run(Batch(std::move(resumed)));
  const host::JobResult result = Take(served, 2);
  ASSERT_TRUE(result.status.ok()) << result.status.ToString();
  EXPECT_EQ(result.resumed_at, state->step);
  EXPECT_EQ(result.steps, 300 - state->step);
  EXPECT_EQ(AsText(result.outputs.at(0).bytes.bytes()), AsText(whole.outputs.at(0).bytes.bytes()));
}

TEST_F(RemoteInstanceTest, BringsPreviews) {
  const auto opening = OpenSound(MOCK_STEPS_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  std::atomic<uint32_t> watched{0};
  host::HostJob job;
  job.token = 5;
  job.id = "job-5";
  job.params = R"({"steps":100000,"step_ms":1,"fail_at":0,"previews":1})";
  job.preview_out = &watched;
  served.instance->Run(Batch(std::move(job)));
  // More than one: it is told that each has come.
  ASSERT_TRUE(RunUntil(io_, [&] { return served.heard->previews.size() >= 3; }));
  served.instance->Cancel(5);
  EXPECT_EQ(Take(served, 5).status.code(), Code::kCancelled);
  for (const auto& [token, jpeg] : served.heard->previews) {
    EXPECT_EQ(token, 5U);
    EXPECT_EQ(AsText(jpeg.bytes()).substr(0, 2), "\xff\xd8");
  }
}

// Workers that are none: scripts that say they are, and show a preview.
class PreviewRecordTest : public RemoteInstanceTest {
 protected:
  // What becomes of one for this job, where job 1 runs: the events of its instance.
  std::unique_ptr<HeardEvents> Shown(uint64_t token, const std::string& jpeg, bool whole = true) {
    std::vector<std::byte> packet;
    {
      RecordWriter out(&packet, RecordKind::kHello, 0);
      out.Put(kProtocolVersion);
      out.Put(uint32_t{0});
    }
    {
      RecordWriter out(&packet, RecordKind::kPreview, 1);
      out.Put(token);
      if (whole) out.Put(jpeg);
    }
    const std::string file = folder_ / "packet";
    std::ofstream(file).write(reinterpret_cast<const char*>(packet.data()),
                              static_cast<std::streamsize>(packet.size()));
    set_up_.program = Script("cat " + file + " >&3; exec sleep 1000");
    auto worker = Worker::Start(io_, set_up_, log_.logger());
    EXPECT_TRUE(worker.ok()) << worker.status().ToString();
    auto heard = std::make_unique<HeardEvents>();
    RemoteInstance instance(std::move(*worker), 1, {"model", "{}", {}}, heard.get());
    instance.Run(Batch(MakeJob(1, "")));
    EXPECT_TRUE(RunUntil(io_, [&] { return heard->lost || !heard->previews.empty(); }));
    return heard;
  }
  void ExpectNonsense(const std::unique_ptr<HeardEvents>& heard) {
    EXPECT_THAT(heard->previews, IsEmpty());
    ASSERT_TRUE(heard->lost);
    EXPECT_THAT(heard->lost->message(), HasSubstr("sent what no worker sends"));
  }
};

TEST_F(PreviewRecordTest, OfAJobThatRunsIsBrought) {
  const std::string largest(host::kMostPreviewBytes, 'j');
  const auto heard = Shown(1, largest);
  ASSERT_EQ(heard->previews.size(), 1U);
  EXPECT_EQ(AsText(heard->previews[0].second.bytes()), largest);
}

TEST_F(PreviewRecordTest, OfAJobThatDoesNotRunIsNonsense) { ExpectNonsense(Shown(2, "j")); }

TEST_F(PreviewRecordTest, ThatIsTooLargeIsNonsense) {
  ExpectNonsense(Shown(1, std::string(host::kMostPreviewBytes + 1, 'j')));
}

TEST_F(PreviewRecordTest, WithoutAPictureIsNonsense) {
  ExpectNonsense(Shown(1, ""));
  ExpectNonsense(Shown(1, "", false));
}

TEST_F(RemoteInstanceTest, MayBeDestroyedWhileItRuns) {
  const auto opening = OpenSound(MOCK_PLUGIN);
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(LongJob(1)));
  AwaitProgress(served);
  const pid_t pid = opening->plugin->pid();
  served.instance.reset();
  opening->plugin.reset();
  EXPECT_TRUE(IsGone(pid));
  EXPECT_THAT(served.heard->results, IsEmpty());
  EXPECT_FALSE(served.heard->lost);
}

TEST_F(RemoteInstanceTest, MayBeDestroyedBeforeItIsMade) {
  const auto opening = OpenSound(ECHO_PLUGIN);
  HeardEvents heard;
  opening->plugin->Create({}, &heard).reset();
  Served served = CreateLoaded(*opening->plugin);
  served.instance->Run(Batch(MakeJob(1, "x")));
  EXPECT_TRUE(Echoes(served, 1, "x"));
  EXPECT_FALSE(heard.created);
}

}  // namespace
}  // namespace darkroom
