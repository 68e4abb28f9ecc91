// SPDX-License-Identifier: Apache-2.0

#include "plugin/folder_watcher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "plugin/file_trust.h"
#include "tests/plugin/patched_file.h"

namespace darkroom {
namespace {

namespace fs = std::filesystem;

using std::chrono::milliseconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class FolderWatcherTest : public ::testing::Test {
 protected:
  FolderWatcherTest() { Watch(milliseconds(10)); }

  void Watch(milliseconds settle) {
    watcher_ = std::make_unique<FolderWatcher>(
        io_, folder_.path(),
        FolderWatcher::Callbacks{
            [this](const std::string& name) { told_.push_back("+" + name); },
            [this](const std::string& name) { told_.push_back("-" + name); },
            [this](const Status& why) { told_.push_back("lost: " + why.message()); }},
        settle);
    const Status status = watcher_->Start();
    ASSERT_TRUE(status.ok()) << status.ToString();
  }

  // Runs the io_context until the watcher has told of this.
  void Await(const std::string& what) {
    io_.restart();  // it may have run out of work
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::find(told_.begin(), told_.end(), what) == told_.end()) {
      ASSERT_GT(io_.run_one_until(deadline), 0U) << "nothing told of " << what;
    }
  }

  // Tells of all that is due because of what has happened so far: a file that is written now has
  // to be quiet as long as those before it, and its name is the last.
  void AwaitAll() {
    Write("~last.so");
    Await("+~last.so");
    told_.pop_back();
    ASSERT_THAT(told_, Not(Contains("+~last.so")));
  }

  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string Write(const std::string& name) const { return folder_.Write(name, "code"); }
  void Remove(const std::string& name) const { EXPECT_TRUE(fs::remove(Path(name))); }
  void Rename(const std::string& from, const std::string& to) const {
    fs::rename(Path(from), Path(to));
  }

  TestFolder folder_;
  boost::asio::io_context io_;
  std::vector<std::string> told_;
  std::unique_ptr<FolderWatcher> watcher_;
};

TEST_F(FolderWatcherTest, TellsOfWhatWasWrittenAndWhatIsGone) {
  Write("a.so");
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("+a.so"));
  told_.clear();
  Remove("a.so");
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("-a.so"));
}

TEST_F(FolderWatcherTest, ABurstIsOneCall) {
  for (int i = 0; i < 20; ++i) Write("a.so");
  fs::permissions(Path("a.so"), fs::perms{0600});
  Write("b.so");
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("+a.so", "+b.so"));
}

TEST_F(FolderWatcherTest, EachChangeBeginsTheQuietTimeAnew) {
  const auto settle = milliseconds(100);
  std::chrono::steady_clock::time_point told;
  FolderWatcher watcher(io_, folder_.path(),
                        {[&](const std::string& name) {
                           if (name == "a.so") told = std::chrono::steady_clock::now();
                         },
                         nullptr, nullptr},
                        settle);
  ASSERT_TRUE(watcher.Start().ok());
  Write("a.so");
  io_.run_for(settle / 2);
  const auto again = std::chrono::steady_clock::now();
  Write("a.so");
  io_.run_for(settle);
  // On a slow machine it may have been told of before the second change, but then once more. No
  // machine is so fast that it was quiet long enough any earlier.
  while (told < again + settle) ASSERT_GT(io_.run_one_for(std::chrono::seconds(30)), 0U);
}

TEST_F(FolderWatcherTest, AFileThatWasReplacedAtOneGoIsSeenOnce) {
  Write("a.so");
  AwaitAll();
  told_.clear();
  Write("a.so.tmp");
  Rename("a.so.tmp", "a.so");
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("+a.so"));
}

TEST_F(FolderWatcherTest, AHalfWrittenFileIsSeenWhenItIsClosed) {
  for (const bool anew : {true, false}) {
    std::ofstream file(Path("a.so"), anew ? std::ios::trunc : std::ios::app);
    if (anew) fs::permissions(Path("a.so"), fs::perms{0600});
    AwaitAll();
    file << "half" << std::flush;
    fs::permissions(Path("a.so"), fs::perms{0755});
    AwaitAll();
    file << "whole" << std::flush;
    AwaitAll();
    EXPECT_THAT(told_, IsEmpty());
    file.close();
    AwaitAll();
    EXPECT_THAT(told_, ElementsAre("+a.so"));
    told_.clear();
  }
}

TEST_F(FolderWatcherTest, AFileThatIsWrittenAgainBeforeItWasQuietIsLeftAlone) {
  Write("a.so");
  std::ofstream again(Path("a.so"), std::ios::app);
  again << "more" << std::flush;
  AwaitAll();
  EXPECT_THAT(told_, IsEmpty());
  again.close();
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("+a.so"));
}

TEST_F(FolderWatcherTest, AFileThatTakesAnothersPlaceDoesNotWaitForItsWriter) {
  std::ofstream writer(Path("a.so"));
  writer << "half" << std::flush;
  Write("b");
  Rename("b", "a.so");
  writer << "more" << std::flush;
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("+a.so"));
}

TEST_F(FolderWatcherTest, AFileThatIsGoneDoesNotWaitForItsWriter) {
  const OwnedFd writer(::open(Path("a.so").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(writer.get(), "half", 4), 4);
  AwaitAll();
  Remove("a.so");
  ASSERT_EQ(::write(writer.get(), "more", 4), 4);
  ASSERT_EQ(::fchmod(writer.get(), 0755), 0);
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("-a.so"));
}

TEST_F(FolderWatcherTest, ANewOwnerOrModeIsAChange) {
  Write("a.so");
  AwaitAll();
  told_.clear();
  fs::permissions(Path("a.so"), fs::perms{0600});
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("+a.so"));
}

TEST_F(FolderWatcherTest, ANewModeOfTheFolderMayChangeAll) {
  Write("a.so");
  Write("b.so");
  AwaitAll();
  told_.clear();
  fs::permissions(folder_.path(), fs::perms{0755});
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("+a.so", "+b.so"));

  told_.clear();
  Watch(std::chrono::hours(1));
  fs::permissions(folder_.path(), fs::perms{0700});
  io_.run_one();
  io_.poll();
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(FolderWatcherTest, LinksAreSeen) {
  const TestFolder elsewhere;
  const std::string target = elsewhere.Write("a.so", "code");
  fs::create_symlink(target, Path("symbolic.so"));
  fs::create_hard_link(target, Path("hard.so"));
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("+hard.so", "+symbolic.so"));
}

TEST_F(FolderWatcherTest, MovesInAndOutAreSeen) {
  const TestFolder elsewhere;
  fs::rename(elsewhere.Write("x", "code"), Path("a.so"));
  AwaitAll();
  Rename("a.so", "b.so");
  AwaitAll();
  fs::rename(Path("b.so"), elsewhere.path() + "/b.so");
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("+a.so", "-a.so", "+b.so", "-b.so"));
}

TEST_F(FolderWatcherTest, WhatHappenedLastCounts) {
  Write("a.so");
  Remove("a.so");
  Write("b.so");
  Remove("b.so");
  Write("b.so");
  AwaitAll();
  EXPECT_THAT(told_, ElementsAre("-a.so", "+b.so"));
}

TEST_F(FolderWatcherTest, OtherNamesAreIgnored) {
  Write(".a.so");
  Write(".so");
  Write("a.so.tmp");
  Write("so");
  Remove(".a.so");
  fs::create_directory(Path("folder.so"));
  fs::permissions(Path("folder.so"), fs::perms{0700});
  Remove("folder.so");
  AwaitAll();
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(FolderWatcherTest, WhatWasThereBeforeIsNotTold) {
  Write("a.so");
  Watch(milliseconds(10));
  AwaitAll();
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(FolderWatcherTest, EveryFileIsToldOfIfEventsWereLost) {
  uint64_t limit = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> limit;
  if (limit == 0 || limit > 1'000'000) GTEST_SKIP() << "the kernel queues " << limit << " events";
  Write("a.so");
  Write("half.so");
  AwaitAll();
  told_.clear();

  std::ofstream half(Path("half.so"), std::ios::app);
  half << "more" << std::flush;
  AwaitAll();
  ASSERT_THAT(told_, IsEmpty());
  Write("noise-1");
  Write("noise-2");
  for (uint64_t i = 0; i < limit + 10; ++i) {  // in turn, since equal events become one
    ASSERT_EQ(::chmod(Path(i % 2 == 0 ? "noise-1" : "noise-2").c_str(), 0600), 0);
  }
  half.close();
  Write("b.so");
  Write(".c.so");
  fs::create_directory(Path("d.so"));
  Await("+~last.so");
  EXPECT_THAT(told_, ElementsAre("+a.so", "+b.so", "+half.so", "+~last.so"));
}

TEST_F(FolderWatcherTest, AFolderThatIsNotThereIsSaid) {
  const auto start = [&](const std::string& path) { return FolderWatcher(io_, path, {}).Start(); };
  const Status status = start(Path("none"));
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_THAT(status.message(), HasSubstr("cannot watch " + Path("none") + ": No such file"));
  EXPECT_EQ(start(Write("file")).code(), Code::kFailedPrecondition);
}

TEST_F(FolderWatcherTest, AFolderThatMayNotBeReadIsSaid) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  fs::permissions(folder_.path(), fs::perms{0300});
  EXPECT_EQ(watcher_->Start().code(), Code::kFailedPrecondition);
  fs::permissions(folder_.path(), fs::perms{0700});
}

TEST_F(FolderWatcherTest, ALimitIsSaid) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const Status refused = watcher_->Start();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(refused.code(), Code::kResourceExhausted);
  EXPECT_THAT(refused.hint(), HasSubstr("limit on open files"));
}

TEST_F(FolderWatcherTest, ALostFolderIsSaidAndCanBeWatchedAgain) {
  Write("a.so");
  fs::remove_all(folder_.path());
  Await("lost: " + folder_.path() + " is not watched: it was removed");
  Await("-a.so");
  EXPECT_EQ(told_.size(), 2U);
  EXPECT_EQ(watcher_->Start().code(), Code::kNotFound);

  fs::create_directory(folder_.path());
  ASSERT_TRUE(watcher_->Start().ok());
  Write("b.so");
  Await("+b.so");
}

TEST_F(FolderWatcherTest, SoIsOneThatWasMovedAway) {
  Write("a.so");
  const TestFolder elsewhere;
  fs::rename(folder_.path(), elsewhere.path() + "/moved");
  Await("lost: " + folder_.path() + " is not watched: it was moved away");
  std::ofstream(elsewhere.path() + "/moved/b.so") << "code";
  io_.run();  // ends, as nothing is watched any more
  EXPECT_THAT(told_, ElementsAre(HasSubstr("lost"), "+a.so"));
}

TEST_F(FolderWatcherTest, NothingIsToldAfterTheEnd) {
  Write("a.so");
  watcher_.reset();  // with events that it has not read
  io_.run();
  io_.restart();

  Watch(std::chrono::hours(1));
  Write("a.so");
  io_.run_one();     // reads the events
  watcher_.reset();  // before they are due
  io_.run();         // ends at once
  io_.restart();

  Watch(milliseconds(0));
  // More than it reads at a time, so that what comes next is in line when it ends.
  for (int i = 0; i < 400; ++i) Write(std::to_string(i) + "-some-longer-name.so");
  io_.run_one();
  watcher_.reset();
  io_.run();
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(FolderWatcherTest, MayBeDestroyedByItsCallback) {
  const auto destroy = [this](const auto&) {
    told_.emplace_back("last");
    watcher_.reset();
  };
  for (const bool lost : {false, true}) {
    told_.clear();
    watcher_ = std::make_unique<FolderWatcher>(
        io_, folder_.path(), FolderWatcher::Callbacks{destroy, destroy, destroy}, milliseconds(1));
    ASSERT_TRUE(watcher_->Start().ok());
    Write("a.so");
    Write("b.so");
    if (lost) fs::remove_all(folder_.path());
    io_.run();
    io_.restart();
    EXPECT_THAT(told_, ElementsAre("last"));
  }
}

TEST_F(FolderWatcherTest, TheIoContextMayEndWithHandlersInLine) {
  auto io = std::make_unique<boost::asio::io_context>();
  auto watcher = std::make_unique<FolderWatcher>(*io, folder_.path(), FolderWatcher::Callbacks{},
                                                 milliseconds(10));
  ASSERT_TRUE(watcher->Start().ok());
  Write("a.so");
  io->run_one();
  watcher.reset();
  io.reset();
}

TEST_F(FolderWatcherTest, CallbacksMayBeMissing) {
  watcher_ = std::make_unique<FolderWatcher>(io_, folder_.path(), FolderWatcher::Callbacks{},
                                             milliseconds(1));
  ASSERT_TRUE(watcher_->Start().ok());
  Write("a.so");
  Write("b.so");
  Remove("b.so");
  fs::remove_all(folder_.path());
  io_.run();
}

}  // namespace
}  // namespace darkroom
