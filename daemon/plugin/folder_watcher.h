// SPDX-License-Identifier: Apache-2.0
//
// FolderWatcher tells which plugin files of a folder have changed or gone, once each is quiet: a
// file counts as changed when nobody has touched it for the settle time and whoever was writing it
// has closed it. So a burst is told of once, and a file that is half there is not told of.
//
// For the io_context's thread; the io_context outlives the watcher, and has work while it watches.
// Callbacks run there, and may stop or destroy the watcher: then none of them is called again. It
// watches the folder that the path led to when it started, not the path: that a folder above it was
// exchanged goes unseen.

#ifndef DARKROOM_PLUGIN_FOLDER_WATCHER_H_
#define DARKROOM_PLUGIN_FOLDER_WATCHER_H_

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/status.h"

namespace darkroom {

class FolderWatcher {
 public:
  // A name is that of a file in the folder: it ends with .so and does not begin with a dot.
  struct Callbacks {
    // Written, moved in, linked, or with another owner or mode: whatever may make a file that was
    // refused acceptable, or the other way round. So also for every file there if it is the folder
    // that got another owner or mode; and if the kernel had to drop events.
    std::function<void(const std::string& name)> on_changed;
    // Deleted or moved away; perhaps one that on_changed has never named. Files that went while
    // events were dropped, or with the whole folder, are not told of.
    std::function<void(const std::string& name)> on_removed;
    // The folder is gone, or can no longer be watched. Start may be called again.
    std::function<void(const Status& why)> on_lost;
  };

  FolderWatcher(boost::asio::io_context& io, std::string folder, Callbacks callbacks,
                std::chrono::milliseconds settle = std::chrono::milliseconds(200));
  ~FolderWatcher();
  FolderWatcher(const FolderWatcher&) = delete;
  FolderWatcher& operator=(const FolderWatcher&) = delete;

  // From here on changes are told of; what is in the folder already is not. So start before you
  // look into it, or a change between the two is lost. Starting again begins anew.
  //
  // kNotFound: there is no such folder (yet). kResourceExhausted: the kernel's limits on inotify.
  // kFailedPrecondition: it is no folder, or may not be read.
  Status Start();

  // Nothing is told of any more, also not what has not been quiet long enough.
  void Stop();

 private:
  class Watch;

  boost::asio::io_context& io_;
  std::string folder_;
  std::shared_ptr<const Callbacks> callbacks_;
  std::chrono::milliseconds settle_;
  std::shared_ptr<Watch> watch_;  // while started
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGIN_FOLDER_WATCHER_H_
