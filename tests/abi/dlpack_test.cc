// SPDX-License-Identifier: Apache-2.0
//
// Our tensor types are DLPack's under other names. libtorch's own copy of that header is the proof.

#include <ATen/dlpack.h>
#include <darkroom/plugin.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace {

#define SAME(ours, our_field, theirs, their_field)                            \
  static_assert(offsetof(ours, our_field) == offsetof(theirs, their_field) && \
                    sizeof(ours::our_field) == sizeof(theirs::their_field),   \
                #ours "." #our_field " is not where DLPack has it")

static_assert(sizeof(dr_device_t) == sizeof(DLDevice));
SAME(dr_device_t, type, DLDevice, device_type);
SAME(dr_device_t, id, DLDevice, device_id);

static_assert(sizeof(dr_dtype_t) == sizeof(DLDataType));
SAME(dr_dtype_t, code, DLDataType, code);
SAME(dr_dtype_t, bits, DLDataType, bits);
SAME(dr_dtype_t, lanes, DLDataType, lanes);

static_assert(sizeof(dr_tensor_t) == sizeof(DLTensor));
SAME(dr_tensor_t, data, DLTensor, data);
SAME(dr_tensor_t, device, DLTensor, device);
SAME(dr_tensor_t, ndim, DLTensor, ndim);
SAME(dr_tensor_t, dtype, DLTensor, dtype);
SAME(dr_tensor_t, shape, DLTensor, shape);
SAME(dr_tensor_t, strides, DLTensor, strides);
SAME(dr_tensor_t, byte_offset, DLTensor, byte_offset);

static_assert(sizeof(dr_managed_tensor_t) == sizeof(DLManagedTensorVersioned));
static_assert(offsetof(dr_managed_tensor_t, version_major) ==
              offsetof(DLManagedTensorVersioned, version) + offsetof(DLPackVersion, major));
static_assert(offsetof(dr_managed_tensor_t, version_minor) ==
              offsetof(DLManagedTensorVersioned, version) + offsetof(DLPackVersion, minor));
SAME(dr_managed_tensor_t, manager, DLManagedTensorVersioned, manager_ctx);
SAME(dr_managed_tensor_t, deleter, DLManagedTensorVersioned, deleter);
SAME(dr_managed_tensor_t, flags, DLManagedTensorVersioned, flags);
SAME(dr_managed_tensor_t, tensor, DLManagedTensorVersioned, dl_tensor);

#undef SAME

static_assert(DLPACK_MAJOR_VERSION == 1);

TEST(DlpackTest, HasTheSameCodes) {
  EXPECT_EQ(DR_DEVICE_CPU, static_cast<int32_t>(kDLCPU));
  EXPECT_EQ(DR_DEVICE_CUDA, static_cast<int32_t>(kDLCUDA));
  EXPECT_EQ(DR_DEVICE_CUDA_HOST, static_cast<int32_t>(kDLCUDAHost));
  EXPECT_EQ(DR_DTYPE_INT, static_cast<int32_t>(kDLInt));
  EXPECT_EQ(DR_DTYPE_UINT, static_cast<int32_t>(kDLUInt));
  EXPECT_EQ(DR_DTYPE_FLOAT, static_cast<int32_t>(kDLFloat));
  EXPECT_EQ(DR_DTYPE_BFLOAT, static_cast<int32_t>(kDLBfloat));
  EXPECT_EQ(DR_DTYPE_BOOL, static_cast<int32_t>(kDLBool));
}

}  // namespace
