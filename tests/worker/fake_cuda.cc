// SPDX-License-Identifier: Apache-2.0
//
// A CUDA driver of two devices whose memory is the process's own. The environment's CUDA_FAKE names
// the function that fails, as "cuInit=999", or "forgets": what is written is not what is read, or
// "hangs".

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

std::vector<unsigned> memory;
bool current = false;

std::string Told() {
  const char* told = std::getenv("CUDA_FAKE");
  return told == nullptr ? "" : told;
}

int Outcome(const std::string& function) {
  const std::string told = Told();
  if (told.rfind(function + "=", 0) != 0) return 0;
  return std::atoi(told.c_str() + function.size() + 1);
}

}  // namespace

extern "C" {

#pragma GCC visibility push(default)
// What declares them is cuda.h, which is not needed for a build.
#pragma GCC diagnostic ignored "-Wmissing-declarations"

int cuInit(unsigned flags) {
  while (Told() == "hangs") pause();
  return flags == 0 ? Outcome("cuInit") : 1;
}

int cuDeviceGet(int* device, int index) {
  *device = index + 100;
  return index < 2 ? Outcome("cuDeviceGet") : 101;
}

int cuDevicePrimaryCtxRetain(void** context, int device) {
  *context = &memory;
  return device >= 100 && device < 102 ? Outcome("cuDevicePrimaryCtxRetain") : 101;
}

int cuCtxSetCurrent(void* context) {
  current = context == &memory;
  return Outcome("cuCtxSetCurrent");
}

int cuMemAlloc_v2(unsigned long long* address, size_t bytes) {  // NOLINT: as cuda.h has it
  if (!current) return 201;
  memory.assign(bytes / sizeof(unsigned), 0);
  *address = 4096;
  return Outcome("cuMemAlloc");
}

int cuMemFree_v2(unsigned long long address) {  // NOLINT: as cuda.h has it
  return address == 4096 ? Outcome("cuMemFree") : 1;
}

int cuMemsetD32_v2(unsigned long long address, unsigned word, size_t count) {  // NOLINT
  if (address != 4096 || count > memory.size()) return 1;
  memory.assign(count, word);
  if (Told() == "forgets") memory[count - 1] ^= 1;
  return Outcome("cuMemsetD32");
}

int cuMemcpyDtoH_v2(void* to, unsigned long long from, size_t bytes) {  // NOLINT
  if (from != 4096 || bytes > memory.size() * sizeof(unsigned)) return 1;
  std::memcpy(to, memory.data(), bytes);
  return Outcome("cuMemcpyDtoH");
}

int cuGetErrorName(int error, const char** name) {
  *name = error == 719 ? "CUDA_ERROR_LAUNCH_FAILED" : nullptr;
  return error == 719 ? 0 : 1;
}

int cuGetErrorString(int error, const char** words) {
  *words = error == 719 ? "unspecified launch failure" : nullptr;
  return error == 719 ? 0 : 1;
}

#pragma GCC visibility pop

}  // extern "C"
