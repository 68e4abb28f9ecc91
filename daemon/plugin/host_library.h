// SPDX-License-Identifier: Apache-2.0
//
// HostLibrary opens libdarkroom-host.so at run time and makes its Host. The daemon does not link
// that library, since it holds the image codecs and everything else that touches bytes from
// strangers; it opens it only for plugins that run in process.
//
// Open, host() and the destructor are called on the daemon's control thread. The owner destroys all
// plugins before the HostLibrary. The library itself is never unmapped, since Buffers that it made
// may still be on their way.

#ifndef DARKROOM_PLUGIN_HOST_LIBRARY_H_
#define DARKROOM_PLUGIN_HOST_LIBRARY_H_

#include <memory>
#include <string>

#include "core/status.h"
#include "host/host_api.h"

namespace darkroom {

class HostLibrary {
 public:
  static Result<std::unique_ptr<HostLibrary>> Open(const std::string& path,
                                                   const host::HostOptions& options);
  ~HostLibrary();

  host::Host& host();

 private:
  struct Impl;
  explicit HostLibrary(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace darkroom

#endif  // DARKROOM_PLUGIN_HOST_LIBRARY_H_
