// SPDX-License-Identifier: Apache-2.0

#include "plugin/host_library.h"

#include <boost/dll/shared_library.hpp>
#include <exception>
#include <utility>

namespace darkroom {

struct HostLibrary::Impl {
  boost::dll::shared_library library;
  std::unique_ptr<host::Host> host;  // goes before the library does
};

HostLibrary::HostLibrary(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HostLibrary::~HostLibrary() = default;

host::Host& HostLibrary::host() { return *impl_->host; }

Result<std::unique_ptr<HostLibrary>> HostLibrary::Open(const std::string& path,
                                                       const host::HostOptions& options) {
  try {
    auto impl = std::make_unique<Impl>();
    impl->library.load(path, boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
    auto& create = impl->library.get<host::CreateFunction>(host::kCreateSymbol);
    impl->host.reset(create(host::kHostApiVersion, options));
    if (impl->host == nullptr) {
      return Status::FailedPrecondition(path + " is of another version of darkroom",
                                        "install darkroomd and its library together");
    }
    return std::unique_ptr<HostLibrary>(new HostLibrary(std::move(impl)));
  } catch (const std::exception& error) {
    return Status::FailedPrecondition("cannot open the host library " + path + ": " + error.what());
  }
}

}  // namespace darkroom
