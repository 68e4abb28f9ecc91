// SPDX-License-Identifier: Apache-2.0

#include "worker/job_block.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <thread>

namespace darkroom {
namespace {

// An arena, and the worker's view of it at another address.
class JobBlockTest : public testing::Test {
 protected:
  explicit JobBlockTest(uint64_t size = 16 << 20) {
    auto memory = SharedMemory::Make(size);
    EXPECT_TRUE(memory.ok()) << memory.status().ToString();
    arena_ = std::make_shared<Arena>(std::move(*memory));
    auto view = SharedMemory::Map(fcntl(arena_->fd(), F_DUPFD_CLOEXEC, 0));
    EXPECT_TRUE(view.ok()) << view.status().ToString();
    view_.emplace(std::move(*view));
  }

  static JobPlace PlaceOf(const ArenaBlock& block, uint64_t token = 1) {
    return {token, block.place().offset, block.place().size};
  }

  std::shared_ptr<Arena> arena_;
  std::optional<SharedMemory> view_;
};

host::HostJob MakeJob(const std::vector<Bytes>& inputs) {
  host::HostJob job;
  job.token = 1;
  job.id = "job-1";
  job.params = R"({"scale":4})";
  job.deadline_ns = 123'456'789'012;
  job.form.image = host::OutputForm::Image::kWebp;
  job.form.quality = 71;
  for (size_t i = 0; i < inputs.size(); ++i) {
    job.inputs.push_back({"input" + std::to_string(i), i % 2 == 0 ? "image/png" : "", inputs[i]});
  }
  return job;
}

uint64_t AlignmentOf(const void* place) { return reinterpret_cast<uintptr_t>(place) % 64; }

TEST_F(JobBlockTest, CarriesAJob) {
  std::vector<std::byte> large(5'000'001);
  std::mt19937 random(1);
  for (std::byte& byte : large) byte = static_cast<std::byte>(random());
  const std::vector<Bytes> inputs = {AsBytes("hello"), {}, large, AsBytes("x")};
  const host::HostJob job = MakeJob(inputs);
  const auto block = WriteJobBlock(arena_, job, 1000);
  ASSERT_NE(block, nullptr);
  const auto read = ReadJobBlock(*view_, PlaceOf(*block, 77));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->job.token, 77U);
  EXPECT_EQ(read->job.id, job.id);
  EXPECT_EQ(read->job.params, job.params);
  EXPECT_EQ(read->job.deadline_ns, job.deadline_ns);
  EXPECT_EQ(read->job.form.image, job.form.image);
  EXPECT_EQ(read->job.form.quality, job.form.quality);
  ASSERT_EQ(read->job.inputs.size(), inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const host::JobInput& input = read->job.inputs[i];
    EXPECT_EQ(input.name, job.inputs[i].name);
    EXPECT_EQ(input.content_type, job.inputs[i].content_type);
    EXPECT_TRUE(AsText(input.bytes) == AsText(inputs[i])) << i;
    EXPECT_EQ(AlignmentOf(input.bytes.data()), 0U) << i;
  }
  EXPECT_GE(read->room_size, 1000U);
  EXPECT_EQ(AlignmentOf(read->room), 0U);
  // The room is the end of the block, behind everything else.
  EXPECT_EQ(read->room + read->room_size,
            view_->data() + block->place().offset + block->place().size);
  EXPECT_GE(read->room,
            job.inputs.empty() ? nullptr : read->job.inputs[2].bytes.data() + 5'000'001);
}

TEST_F(JobBlockTest, CarriesAJobOfNothing) {
  const auto block = WriteJobBlock(arena_, {}, 0);
  ASSERT_NE(block, nullptr);
  const auto read = ReadJobBlock(*view_, PlaceOf(*block));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->job.id, "");
  EXPECT_EQ(read->job.params, "");
  EXPECT_EQ(read->job.deadline_ns, 0U);
  EXPECT_TRUE(read->job.inputs.empty());
}

TEST_F(JobBlockTest, CarriesWhereAJobGoesOn) {
  const std::string bytes(70'001, 's');
  auto state = std::make_shared<SavedState>();
  state->step = 17;
  state->bytes = Buffer::Copy(AsBytes(bytes));
  host::HostJob job = MakeJob({AsBytes("hello")});
  job.save_every = std::chrono::milliseconds(2500);
  EXPECT_EQ(ReadJobBlock(*view_, PlaceOf(*WriteJobBlock(arena_, job, 0)))->job.state, nullptr);
  job.state = state;
  const auto block = WriteJobBlock(arena_, job, 1000);
  ASSERT_NE(block, nullptr);
  state->bytes = Buffer();  // it lies in the block
  const auto read = ReadJobBlock(*view_, PlaceOf(*block));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->job.save_every, std::chrono::milliseconds(2500));
  ASSERT_NE(read->job.state, nullptr);
  EXPECT_EQ(read->job.state->step, 17U);
  EXPECT_TRUE(AsText(read->job.state->bytes.bytes()) == bytes);
  EXPECT_EQ(AlignmentOf(read->job.state->bytes.data()), 0U);
  EXPECT_EQ(AsText(read->job.inputs.at(0).bytes), "hello");
  EXPECT_GE(read->room_size, 1000U);
}

TEST_F(JobBlockTest, CarriesAWishForPreviews) {
  host::HostJob job = MakeJob({AsBytes("x")});
  EXPECT_EQ(ReadJobBlock(*view_, PlaceOf(*WriteJobBlock(arena_, job, 0)))->job.preview_out,
            nullptr);
  std::atomic<uint32_t> here{1};
  job.preview_out = &here;
  const auto block = WriteJobBlock(arena_, job, 0);
  const auto read = ReadJobBlock(*view_, PlaceOf(*block));
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  // In the block, where both ends see it, and nothing is on its way yet.
  ASSERT_NE(read->job.preview_out, nullptr);
  EXPECT_EQ(*read->job.preview_out, 0U);
  *read->job.preview_out = 1;
  EXPECT_EQ(ControlOf(block->data())->preview_out, 1U);
  EXPECT_EQ(here, 1U);
}

TEST_F(JobBlockTest, SaysWhenThereIsNoRoom) {
  EXPECT_EQ(WriteJobBlock(arena_, MakeJob({AsBytes("x")}), 16 << 20), nullptr);
  EXPECT_EQ(arena_->used(), 0U);
  EXPECT_NE(WriteJobBlock(arena_, MakeJob({AsBytes("x")}), 8 << 20), nullptr);
}

TEST_F(JobBlockTest, TheControlIsShared) {
  auto block = WriteJobBlock(arena_, MakeJob({AsBytes("x")}), 0);
  JobControl* const ours = ControlOf(block->data());
  {
    const auto read = ReadJobBlock(*view_, PlaceOf(*block));
    ASSERT_TRUE(read.ok());
    JobControl* const theirs = ControlOf(view_->data() + block->place().offset);
    ASSERT_NE(read->job.cancel, &ours->cancel);
    EXPECT_EQ(*read->job.cancel, 0);
    ours->cancel = 1;
    EXPECT_EQ(*read->job.cancel, 1);
    EXPECT_EQ(ours->started, 0U);
    theirs->started = 1;
    EXPECT_EQ(ours->started, 1U);
    theirs->WriteProgress(0.5, "half");
    uint32_t version = 0;
    double fraction = 0;
    std::string stage;
    EXPECT_TRUE(ours->ReadProgress(&version, &fraction, &stage));
    EXPECT_EQ(fraction, 0.5);
    EXPECT_EQ(stage, "half");
  }
  // The next block of the same memory begins anew.
  const uint64_t offset = block->place().offset;
  block.reset();
  block = WriteJobBlock(arena_, MakeJob({AsBytes("x")}), 0);
  ASSERT_EQ(block->place().offset, offset);
  EXPECT_EQ(ControlOf(block->data())->cancel, 0);
  EXPECT_EQ(ControlOf(block->data())->started, 0U);
  uint32_t version = 0;
  double fraction = 0;
  std::string stage;
  EXPECT_FALSE(ControlOf(block->data())->ReadProgress(&version, &fraction, &stage));
}

TEST_F(JobBlockTest, RefusesAPlaceOutside) {
  const auto block = WriteJobBlock(arena_, MakeJob({AsBytes("x")}), 0);
  const JobPlace sound = PlaceOf(*block);
  for (const JobPlace& place : {
           JobPlace{1, view_->size(), 512},
           JobPlace{1, view_->size() - 256, 512},
           JobPlace{1, sound.offset, view_->size() + 1},
           JobPlace{1, ~uint64_t{63}, 64},
           JobPlace{1, 64, ~uint64_t{0}},
           JobPlace{1, sound.offset, 0},
           JobPlace{1, sound.offset, 191},
           JobPlace{1, sound.offset, 192},
       }) {
    EXPECT_FALSE(ReadJobBlock(*view_, place).ok()) << place.offset << " " << place.size;
  }
}

// The block is all of a mapping with nothing behind, so that reading beyond would end the test.
class WrongJobBlockTest : public JobBlockTest {
 protected:
  WrongJobBlockTest() : JobBlockTest(4096) {
    input_.assign(900, 'i');
    host::HostJob job = MakeJob({AsBytes(input_), {}, AsBytes("end")});
    auto state = std::make_shared<SavedState>();
    state->bytes = Buffer::Copy(AsBytes("state"));
    job.state = std::move(state);
    block_ = WriteJobBlock(arena_, job, 1024);
    place_ = {1, 0, 4096};
    sound_.assign(block_->data(), block_->data() + 4096);
    std::memcpy(&description_at_, sound_.data() + kHeadAt, sizeof(description_at_));
  }

  // Whether it is taken for a job; one that is lies within the block.
  bool Read() {
    const auto read = ReadJobBlock(*view_, place_);
    if (!read.ok()) return false;
    const std::byte* const start = view_->data();
    const auto within = [&](const std::byte* at, uint64_t size) {
      return at >= start && size <= 4096 && at <= start + 4096 - size;
    };
    for (const host::JobInput& input : read->job.inputs) {
      EXPECT_TRUE(within(input.bytes.data(), input.bytes.size()));
    }
    EXPECT_TRUE(within(read->room, read->room_size));
    if (read->job.state != nullptr) {
      EXPECT_TRUE(within(read->job.state->bytes.data(), read->job.state->bytes.size()));
    }
    return true;
  }
  void Restore() { std::memcpy(block_->data(), sound_.data(), sound_.size()); }

  static constexpr size_t kHeadAt = 128;
  std::string input_;
  std::shared_ptr<ArenaBlock> block_;
  JobPlace place_{};
  std::vector<std::byte> sound_;
  uint64_t description_at_ = 0;
};

TEST_F(WrongJobBlockTest, IsRefusedOrLiesWithin) {
  std::mt19937 random(9);
  ASSERT_TRUE(Read());
  int taken = 0;
  constexpr int kRounds = 30'000;
  for (int round = 0; round < kRounds; ++round) {
    for (uint32_t i = 0; i < 1 + random() % 3; ++i) {
      const size_t at =
          random() % 4 == 0 ? kHeadAt + random() % 24 : description_at_ + random() % 256;
      block_->data()[at] = static_cast<std::byte>(random() % 3 == 0 ? 0xFF : random());
    }
    if (Read()) ++taken;
    Restore();
  }
  EXPECT_GT(taken, kRounds / 100);
  EXPECT_LT(taken, kRounds);
}

TEST_F(WrongJobBlockTest, IsRefusedWhenItIsAllNoise) {
  std::mt19937 random(10);
  for (int round = 0; round < 3000; ++round) {
    for (size_t at = 0; at < 4096; ++at) block_->data()[at] = static_cast<std::byte>(random());
    Read();
    // A head that says where, and noise there.
    std::memcpy(block_->data() + kHeadAt, sound_.data() + kHeadAt, 24);
    Read();
  }
}

TEST_F(WrongJobBlockTest, OffsetsThatOverflowAreRefused) {
  for (const uint64_t wrong :
       {~uint64_t{0}, ~uint64_t{0} - 100, uint64_t{1} << 63, uint64_t{4097}}) {
    for (size_t field = 0; field < 3; ++field) {
      std::memcpy(block_->data() + kHeadAt + 8 * field, &wrong, sizeof(wrong));
      EXPECT_FALSE(Read()) << field << " " << wrong;
      Restore();
    }
  }
}

TEST(JobControl, ProgressIsReadOnce) {
  JobControl control;
  uint32_t version = 0;
  double fraction = 0;
  std::string stage;
  EXPECT_FALSE(control.ReadProgress(&version, &fraction, &stage));
  control.WriteProgress(0.25, "one");
  control.WriteProgress(0.5, "");
  EXPECT_TRUE(control.ReadProgress(&version, &fraction, &stage));
  EXPECT_EQ(fraction, 0.5);
  EXPECT_EQ(stage, "");
  EXPECT_FALSE(control.ReadProgress(&version, &fraction, &stage));
}

TEST(JobControl, LongStagesAreCut) {
  JobControl control;
  uint32_t version = 0;
  double fraction = 0;
  std::string stage;
  const std::string words(JobControl::kStageSize, 's');
  for (const std::string& more : {std::string(), std::string("s"), std::string(5000, 's')}) {
    control.WriteProgress(1, words + more);
    EXPECT_TRUE(control.ReadProgress(&version, &fraction, &stage));
    EXPECT_EQ(stage, words);
  }
}

TEST(JobControl, AWorkerThatIsOutOfItsMindIsNotBelieved) {
  JobControl control;
  control.WriteProgress(0.5, "half");
  uint32_t version = 0;
  double fraction = 0;
  std::string stage;
  control.stage_size = ~0U;
  EXPECT_TRUE(control.ReadProgress(&version, &fraction, &stage));
  EXPECT_EQ(stage.size(), JobControl::kStageSize);
  // One that died in the middle of writing.
  control.progress_version = 5;
  EXPECT_FALSE(control.ReadProgress(&version, &fraction, &stage));
}

TEST(JobControl, ProgressIsNeverTorn) {
  constexpr uint32_t kLast = 200'000;
  JobControl control;
  // As long as a stage can be, and told apart at its end.
  const auto stage_of = [](uint32_t number) {
    std::string stage = std::to_string(number);
    stage.resize(1 + number % JobControl::kStageSize, static_cast<char>('a' + number % 26));
    return stage;
  };
  std::thread writer([&] {
    for (uint32_t i = 1; i <= kLast; ++i) control.WriteProgress(i, stage_of(i));
  });
  uint32_t version = 0;
  double fraction = 0;
  std::string stage;
  double last = 0;
  uint32_t torn = 0;
  while (last < kLast) {
    if (!control.ReadProgress(&version, &fraction, &stage)) continue;
    if (stage != stage_of(static_cast<uint32_t>(fraction)) || fraction <= last) ++torn;
    last = fraction;
  }
  writer.join();
  EXPECT_EQ(torn, 0U);
  EXPECT_EQ(version, 2 * kLast);
}

}  // namespace
}  // namespace darkroom
