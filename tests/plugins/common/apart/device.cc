// SPDX-License-Identifier: Apache-2.0

#include "tests/plugins/common/apart/device.h"

#include <ATen/EmptyTensor.h>
#include <ATen/core/CachingHostAllocator.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/native/transformers/attention.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/plugins/common/apart/memory.h"

namespace darkroom::apart {
namespace {

constexpr auto kType = c10::DeviceType::PrivateUse1;

// One for the process, as ATen's registries are.
struct State {
  Memory memory;
  std::map<const std::byte*, size_t> locked;  // page-locked memory of the host, by its beginning
  std::vector<std::function<void()>> queue;   // copies that were not waited for
  size_t computed = 0;
  size_t allowed = SIZE_MAX;  // allocations of page-locked memory
};

State& TheState() {
  static auto& state = *new State;  // ATen's tensors may outlive all else
  return state;
}

void CatchUp() {
  const auto queue = std::exchange(TheState().queue, {});
  for (const auto& copy : queue) copy();
}

// The same tensor for code of the device's own.
at::Tensor Seen(const at::Tensor& tensor) {
  if (tensor.device().type() != kType) return tensor;
  std::byte* const data = TheState().memory.Seen(tensor.storage().data());
  const auto options = at::TensorOptions().dtype(tensor.scalar_type());
  const at::Tensor whole = at::from_blob(
      data,
      {static_cast<int64_t>(tensor.storage().nbytes()) /
       static_cast<int64_t>(tensor.element_size())},
      [](void*) {}, options);
  return whole.as_strided(tensor.sizes(), tensor.strides(), tensor.storage_offset());
}

struct Allocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) override {
    void* const data = bytes == 0 ? nullptr : TheState().memory.Allocate(bytes);
    return {data, data, raw_deleter(), c10::Device(kType, 0)};
  }
  c10::DeleterFnPtr raw_deleter() const override {
    return [](void* data) {
      if (data == nullptr) return;
      CatchUp();
      TheState().memory.Free(data);
    };
  }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    const Memory& memory = TheState().memory;
    std::memcpy(memory.Seen(to), memory.Seen(from), bytes);
  }
};

struct LockedAllocator final : at::HostAllocator {
  c10::DataPtr allocate(size_t bytes) override {
    TORCH_CHECK(TheState().allowed > 0, "there is no page-locked memory");
    --TheState().allowed;
    void* const data = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    TheState().locked[static_cast<const std::byte*>(data)] = bytes;
    const auto free = [](void* given) {
      TheState().locked.erase(static_cast<const std::byte*>(given));
      std::free(given);
    };
    return {data, data, free, c10::DeviceType::CPU};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
  bool record_event(void*, void*, c10::Stream) override { return true; }
  void empty_cache() override {}
  at::HostStats get_stats() override { return {}; }
  void reset_accumulated_stats() override {}
  void reset_peak_stats() override {}
};

bool IsLocked(const void* data) {
  const auto& locked = TheState().locked;
  const auto* const byte = static_cast<const std::byte*>(data);
  auto after = locked.upper_bound(byte);
  if (after == locked.begin()) return false;
  --after;
  return byte < after->first + after->second;
}

Allocator& TheAllocator() {
  static Allocator allocator;
  return allocator;
}

LockedAllocator& TheLockedAllocator() {
  static LockedAllocator allocator;
  return allocator;
}

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  bool isPinnedPtr(const void* data) const override { return IsLocked(data); }
  at::Allocator* getPinnedMemoryAllocator() const override { return &TheLockedAllocator(); }
  c10::DeviceIndex deviceCount() const override { return 1; }
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
};

struct Guard final : c10::impl::DeviceGuardImplInterface {
  c10::DeviceType type() const override { return kType; }
  c10::Device exchangeDevice(c10::Device) const override { return {kType, 0}; }
  c10::Device getDevice() const override { return {kType, 0}; }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const override { return TheStream(); }
  c10::Stream exchangeStream(c10::Stream) const override { return TheStream(); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  // An event is how many copies were asked for before it; here all are made together.
  void record(void** event, const c10::Stream&, c10::DeviceIndex, c10::EventFlag) const override {
    *event = &TheState();
  }
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return TheState().queue.empty(); }
  bool queryStream(const c10::Stream&) const override { return TheState().queue.empty(); }
  void synchronizeStream(const c10::Stream&) const override { CatchUp(); }
  void synchronizeEvent(void*) const override { CatchUp(); }
  void synchronizeDevice(c10::DeviceIndex) const override { CatchUp(); }

 private:
  static c10::Stream TheStream() {
    return c10::Stream(c10::Stream::DEFAULT, c10::Device(kType, 0));
  }
};

// ---- Functions that are the device's own --------------------------------------------------------

at::Tensor Empty(at::IntArrayRef size, std::optional<at::ScalarType> dtype,
                 std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &TheAllocator(),
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   dtype.value_or(at::kFloat), format);
}

at::Tensor EmptyStrided(at::IntArrayRef size, at::IntArrayRef stride,
                        std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                        std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &TheAllocator(),
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           dtype.value_or(at::kFloat));
}

at::Tensor CopyFrom(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  const auto copy = [from, to] { Seen(to).copy_(Seen(from)); };
  if (non_blocking && from.is_cpu() && IsLocked(from.const_data_ptr())) {
    TheState().queue.emplace_back(copy);
  } else {
    CatchUp();
    copy();
  }
  return to;
}

at::Tensor CopyFromAndResize(const at::Tensor& from, const at::Tensor& to) {
  if (to.sizes() != from.sizes()) to.resize_(from.sizes());
  return CopyFrom(from, to, false);
}

at::Scalar Number(const at::Tensor& tensor) {
  CatchUp();
  return Seen(tensor).clone().item();
}

const at::Tensor& Resize(const at::Tensor& tensor, at::IntArrayRef size,
                         std::optional<at::MemoryFormat>) {
  auto* const impl = tensor.unsafeGetTensorImpl();
  impl->set_sizes_contiguous(size);
  const size_t bytes = tensor.nbytes();
  if (tensor.storage().nbytes() < bytes) {
    tensor.storage().set_data_ptr(TheAllocator().allocate(bytes));
    tensor.storage().set_nbytes(bytes);
  }
  return tensor;
}

at::Tensor View(const at::Tensor& tensor, at::IntArrayRef size) {
  // The strides that a view would have do not depend on where the numbers lie.
  const at::Tensor like = at::empty_strided(tensor.sizes(), tensor.strides(), at::kByte).view(size);
  return tensor.as_strided(like.sizes(), like.strides(), tensor.storage_offset());
}

at::Tensor ViewAs(at::ScalarType dtype, const at::Tensor& tensor, at::IntArrayRef size,
                  at::IntArrayRef stride, int64_t offset) {
  at::Tensor view = at::detail::make_tensor<c10::TensorImpl>(
      c10::TensorImpl::VIEW, c10::Storage(tensor.storage()), tensor.key_set(),
      c10::scalarTypeToTypeMeta(dtype));
  view.unsafeGetTensorImpl()->set_sizes_and_strides(size, stride, offset);
  return view;
}

at::Tensor AsStrided(const at::Tensor& tensor, at::IntArrayRef size, at::IntArrayRef stride,
                     std::optional<int64_t> offset) {
  return ViewAs(tensor.scalar_type(), tensor, size, stride,
                offset.value_or(tensor.storage_offset()));
}

// As for View: the host's own views say the sizes and strides.
at::Tensor AsReal(const at::Tensor& tensor) {
  const at::Tensor like =
      at::view_as_real(at::empty_strided(tensor.sizes(), tensor.strides(), tensor.scalar_type()));
  return ViewAs(like.scalar_type(), tensor, like.sizes(), like.strides(),
                2 * tensor.storage_offset());
}

at::Tensor AsComplex(const at::Tensor& tensor) {
  const at::Tensor like = at::view_as_complex(
      at::empty_strided(tensor.sizes(), tensor.strides(), tensor.scalar_type()));
  return ViewAs(like.scalar_type(), tensor, like.sizes(), like.strides(),
                tensor.storage_offset() / 2);
}

at::Tensor Reshaped(const at::Tensor& tensor, at::IntArrayRef size, at::IntArrayRef stride) {
  return AsStrided(tensor, size, stride, tensor.storage_offset());
}

at::Tensor Convolution(const at::Tensor& input, const at::Tensor& weight,
                       const std::optional<at::Tensor>& bias, at::IntArrayRef stride,
                       at::IntArrayRef padding, at::IntArrayRef dilation, bool transposed,
                       at::IntArrayRef output_padding, int64_t groups) {
  const auto seen = [](const at::Tensor& tensor) {
    TORCH_CHECK(tensor.device().type() == kType, "convolution: one of its tensors is the host's");
    return Seen(tensor);
  };
  CatchUp();
  ++TheState().computed;
  std::optional<at::Tensor> seen_bias;
  if (bias && bias->defined()) seen_bias = seen(*bias);
  return at::convolution(seen(input), seen(weight), seen_bias, stride, padding, dilation,
                         transposed, output_padding, groups)
      .to(Device());
}

// ---- All others ---------------------------------------------------------------------------------

// CUDA takes indices of the host's.
bool TakesHosts(std::string_view name) {
  static const std::set<std::string_view> kNames = {"aten::index.Tensor_out", "aten::index_put_",
                                                    "aten::_index_put_impl_"};
  return kNames.contains(name);
}

void Compute(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  const std::string name = toString(op.operator_name());
  const size_t count = op.schema().arguments().size();
  for (size_t i = 0; i < count; ++i) {
    c10::IValue& value = (*stack)[stack->size() - count + i];
    const auto taken = [&](const at::Tensor& tensor) {
      if (!tensor.defined() || !tensor.is_cpu()) return tensor;
      TORCH_CHECK(tensor.dim() == 0 || TakesHosts(name), name, ": its argument '",
                  op.schema().arguments()[i].name(), "' is the host's, others are the device's");
      return tensor.to(Device());
    };
    if (value.isTensor()) value = taken(value.toTensor());
    if (value.isOptionalTensorList()) {
      c10::List<std::optional<at::Tensor>> list = value.toOptionalTensorList();
      for (size_t j = 0; j < list.size(); ++j)
        if (const std::optional<at::Tensor> one = list[j]) list[j] = taken(*one);
    } else if (value.isTensorList()) {
      for (const at::Tensor& tensor : value.toTensorVector()) taken(tensor);
    }
  }
  CatchUp();
  ++TheState().computed;
  at::native::cpu_fallback(op, stack, /*error_on_views=*/true);
}

int64_t ChooseAttention(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                        const std::optional<at::Tensor>&, double, bool, std::optional<double>,
                        bool) {
  return 0;  // by matrix products
}

struct Registration {
  Registration() {
    c10::register_privateuse1_backend("apart");
    c10::SetAllocator(kType, &TheAllocator());
    at::setHostAllocator(kType, &TheLockedAllocator());
    static Hooks hooks;
    at::RegisterPrivateUse1HooksInterface(&hooks);
  }
};
const Registration kRegistration;

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", &Empty);
  library.impl("empty_strided", &EmptyStrided);
  library.impl("_copy_from", &CopyFrom);
  library.impl("_copy_from_and_resize", &CopyFromAndResize);
  library.impl("_local_scalar_dense", &Number);
  library.impl("resize_", &Resize);
  library.impl("view", &View);
  library.impl("as_strided", &AsStrided);
  library.impl("_reshape_alias", &Reshaped);
  library.impl("view_as_real", &AsReal);
  library.impl("view_as_complex", &AsComplex);
  library.impl("convolution_overrideable", &Convolution);
  // ATen would make it of others that cannot do with channels that lie last in memory.
  library.impl("native_group_norm", torch::CppFunction::makeFromBoxedFunction<&Compute>());
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&Compute>());
}

}  // namespace

C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard)

at::Device Device() { return {kType, 0}; }
size_t Computed() { return TheState().computed; }
size_t Waiting() { return TheState().queue.size(); }
void AllowLocked(size_t times) { TheState().allowed = times; }

}  // namespace darkroom::apart

namespace at::native {
REGISTER_PRIVATEUSE1_DISPATCH(_fused_sdp_choice_stub, &darkroom::apart::ChooseAttention)
}  // namespace at::native
