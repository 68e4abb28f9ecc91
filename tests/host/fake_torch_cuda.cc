// SPDX-License-Identifier: Apache-2.0
//
// A libtorch_cuda.so that says what CUDA and what driver it finds, and does nothing else.

#define EXPORT extern "C" __attribute__((visibility("default")))

#ifdef NEEDS_CUDNN
EXPORT int fake_cudnn();
EXPORT int fake_torch_cuda() { return fake_cudnn(); }
#endif

#ifdef DRIVER_VERSION
EXPORT int cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return 0;
}
EXPORT int cudaDriverGetVersion(int* version) {
  *version = DRIVER_VERSION;
  return 0;
}
#endif

#ifdef IS_CUDNN
EXPORT int fake_cudnn() { return 9; }
#endif
