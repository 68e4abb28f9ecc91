// SPDX-License-Identifier: Apache-2.0

#include "worker/cuda_probe.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace darkroom {
namespace {

// Of cuda.h, which is not needed for a build: numbers and prototypes are the driver's binary
// interface and do not change. A name with _v2 is what cuda.h makes of the one without.
using CudaResult = int;
constexpr CudaResult kSuccess = 0;
constexpr CudaResult kOutOfMemory = 2;
using CudaContext = void*;
using CudaAddress = unsigned long long;  // NOLINT: as cuda.h has it

// Not a power of two, so that the last block of threads has an edge.
constexpr size_t kWords = (size_t{1} << 18) + 7;

class Driver {
 public:
  // For good: the driver has threads, which must not be unmapped.
  Status Open() {
    library_ = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library_ == nullptr) {
      return Status::FailedPrecondition(fmt::format("the driver cannot be opened: {}", dlerror()),
                                        "is NVIDIA's driver installed, and found by the loader?");
    }
    Find("cuInit", &init);
    Find("cuDeviceGet", &device_get);
    Find("cuDevicePrimaryCtxRetain", &context_retain);
    Find("cuCtxSetCurrent", &context_set);
    Find("cuMemAlloc_v2", &allocate);
    Find("cuMemFree_v2", &free);
    Find("cuMemsetD32_v2", &fill);
    Find("cuMemcpyDtoH_v2", &read);
    Find("cuGetErrorName", &error_name_);
    Find("cuGetErrorString", &error_words_);
    if (missing_.empty()) return Status::Ok();
    return Status::FailedPrecondition("the driver has no " + missing_);
  }

  // OK, or what the driver says of a call.
  Status Check(CudaResult result, const char* call) const {
    if (result == kSuccess) return Status::Ok();
    const char* name = nullptr;
    const char* words = nullptr;
    if (error_name_(result, &name) != kSuccess || name == nullptr) name = "unknown";
    if (error_words_(result, &words) != kSuccess || words == nullptr) words = "no words";
    return {result == kOutOfMemory ? Code::kResourceExhausted : Code::kDeviceLost,
            fmt::format("{} failed: {} ({}, {})", call, words, name, result)};
  }

  CudaResult (*init)(unsigned flags) = nullptr;
  CudaResult (*device_get)(int* device, int index) = nullptr;
  CudaResult (*context_retain)(CudaContext* context, int device) = nullptr;
  CudaResult (*context_set)(CudaContext context) = nullptr;
  CudaResult (*allocate)(CudaAddress* address, size_t bytes) = nullptr;
  CudaResult (*free)(CudaAddress address) = nullptr;
  CudaResult (*fill)(CudaAddress address, unsigned word, size_t count) = nullptr;
  CudaResult (*read)(void* to, CudaAddress from, size_t bytes) = nullptr;

 private:
  template <typename Function>
  void Find(const char* name, Function** function) {
    *function = reinterpret_cast<Function*>(dlsym(library_, name));
    if (*function == nullptr) missing_ += (missing_.empty() ? "" : ", ") + std::string(name);
  }

  CudaResult (*error_name_)(CudaResult result, const char** name) = nullptr;
  CudaResult (*error_words_)(CudaResult result, const char** words) = nullptr;
  void* library_ = nullptr;
  std::string missing_;
};

Status FillAndCompare(const Driver& driver, CudaAddress address, unsigned word) {
  std::vector<unsigned> back(kWords, ~word);
  Status status = driver.Check(driver.fill(address, word, kWords), "cuMemsetD32");
  if (!status.ok()) return status;
  status =
      driver.Check(driver.read(back.data(), address, kWords * sizeof(unsigned)), "cuMemcpyDtoH");
  if (!status.ok()) return status;
  const auto wrong =
      std::count_if(back.begin(), back.end(), [word](unsigned b) { return b != word; });
  if (wrong == 0) return Status::Ok();
  return {Code::kDeviceLost,
          fmt::format("{} of {} words came back other than they were written", wrong, kWords)};
}

Status Compute(const Driver& driver, int32_t index) {
  int device = 0;
  CudaContext context = nullptr;
  CudaAddress address = 0;
  Status status = driver.Check(driver.init(0), "cuInit");
  if (status.ok()) status = driver.Check(driver.device_get(&device, index), "cuDeviceGet");
  if (status.ok()) {
    status = driver.Check(driver.context_retain(&context, device), "cuDevicePrimaryCtxRetain");
  }
  if (status.ok()) status = driver.Check(driver.context_set(context), "cuCtxSetCurrent");
  if (status.ok()) {
    status = driver.Check(driver.allocate(&address, kWords * sizeof(unsigned)), "cuMemAlloc");
  }
  // All ones and zeros change in between, so that what was there before cannot pass.
  if (status.ok()) status = FillAndCompare(driver, address, 0x5AA5'C33CU);
  if (status.ok()) status = FillAndCompare(driver, address, ~0x5AA5'C33CU);
  if (status.ok()) status = driver.Check(driver.free(address), "cuMemFree");
  return status;
}

}  // namespace

Status ComputeOnCuda(int32_t index) {
  Driver driver;
  if (Status status = driver.Open(); !status.ok()) return status;
  Status status = Compute(driver, index);
  // Models have it all: that is how it should be, and the device's own word.
  if (status.code() == Code::kResourceExhausted) return Status::Ok();
  return status;
}

}  // namespace darkroom
