# SPDX-License-Identifier: Apache-2.0
#
# libtorch from the PyPI wheel in DARKROOM_DEPS/torch, as torch::cpu and torch::c10. For plugins and their tests: no
# target of the daemon may link them.
#
# find_package(Torch) is of no use here: it asks for a CUDA toolkit and links libtorch.so, which needs libtorch_cuda.so,
# and that cannot be loaded on a host without the CUDA libraries. One binary serves both kinds of host, because
# libtorch_cuda.so is opened at run time where it can be.

include(FindPackageHandleStandardArgs)

set(Libtorch_DIR_ROOT "${DARKROOM_DEPS}/torch/torch")
set(Libtorch_CUDA_DIR "${DARKROOM_DEPS}/torch/nvidia/cu13")
set(Libtorch_VERSION "")
if(EXISTS "${Libtorch_DIR_ROOT}/lib/libtorch_cpu.so"
   AND EXISTS "${Libtorch_CUDA_DIR}/lib/libcudart.so.13"
   AND EXISTS "${Libtorch_CUDA_DIR}/lib/libcupti.so.13"
   AND EXISTS "${Libtorch_DIR_ROOT}/version.py")
  file(STRINGS "${Libtorch_DIR_ROOT}/version.py" libtorch_version_line REGEX "^__version__")
  string(REGEX MATCH "[0-9]+\\.[0-9]+\\.[0-9]+" Libtorch_VERSION "${libtorch_version_line}")
endif()

find_package_handle_standard_args(
  Libtorch REQUIRED_VARS Libtorch_VERSION VERSION_VAR Libtorch_VERSION)

if(Libtorch_FOUND AND NOT TARGET torch::cpu)
  add_library(torch::c10 SHARED IMPORTED GLOBAL)
  set_target_properties(
    torch::c10 PROPERTIES IMPORTED_LOCATION "${Libtorch_DIR_ROOT}/lib/libc10.so"
                          INTERFACE_INCLUDE_DIRECTORIES "${Libtorch_DIR_ROOT}/include")

  add_library(torch::cpu SHARED IMPORTED GLOBAL)
  set_target_properties(
    torch::cpu PROPERTIES IMPORTED_LOCATION "${Libtorch_DIR_ROOT}/lib/libtorch_cpu.so"
                          INTERFACE_INCLUDE_DIRECTORIES "${Libtorch_DIR_ROOT}/include"
                          INTERFACE_LINK_LIBRARIES torch::c10)
  # The linker must find what libtorch_cpu.so itself needs; at run time its own RUNPATH does.
  target_link_options(
    torch::cpu INTERFACE "LINKER:-rpath-link,${Libtorch_DIR_ROOT}/lib"
    "LINKER:-rpath-link,${Libtorch_CUDA_DIR}/lib")
endif()
