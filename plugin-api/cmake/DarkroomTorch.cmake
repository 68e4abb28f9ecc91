# SPDX-License-Identifier: Apache-2.0
#
# libtorch for plugins, from an unpacked PyPI wheel. A tree that has a target torch::cpu of its own keeps it; else it is
# made here from DARKROOM_TORCH, a folder that holds torch/ and nvidia/cu13/. No CUDA toolkit is needed, and never
# libtorch.so, which needs libtorch_cuda.so and so cannot be linked on a host without a GPU.

include_guard(GLOBAL)
cmake_minimum_required(VERSION 3.25)

# darkroom_require_torch(DIRECTORIES): makes sure of torch::cpu, and sets DIRECTORIES to the folders of its libraries
# and of those that it needs in turn.
function(darkroom_require_torch directories)
  if(NOT TARGET torch::cpu)
    _darkroom_find_torch()
  endif()
  get_target_property(location torch::cpu IMPORTED_LOCATION)
  if(NOT location)
    message(FATAL_ERROR "torch::cpu has no IMPORTED_LOCATION: it must be the imported libtorch_cpu.so")
  endif()
  get_filename_component(torch_lib ${location} DIRECTORY)
  get_filename_component(cuda_lib ${torch_lib}/../../nvidia/cu13/lib ABSOLUTE)
  set(${directories} "${torch_lib};${cuda_lib}" PARENT_SCOPE)
endfunction()

function(_darkroom_find_torch)
  if(DEFINED ENV{DARKROOM_DEPS})
    set(cache $ENV{DARKROOM_DEPS})
  elseif(DEFINED ENV{XDG_CACHE_HOME})
    set(cache $ENV{XDG_CACHE_HOME}/darkroom)
  else()
    set(cache $ENV{HOME}/.cache/darkroom)
  endif()
  set(DARKROOM_TORCH ${cache}/torch CACHE PATH "Folder with torch/ and nvidia/cu13/ of libtorch's wheels")
  set(torch ${DARKROOM_TORCH}/torch)
  set(cuda ${DARKROOM_TORCH}/nvidia/cu13)
  if(NOT EXISTS ${torch}/lib/libtorch_cpu.so)
    message(FATAL_ERROR "No libtorch in DARKROOM_TORCH=${DARKROOM_TORCH}: run darkroom's scripts/setup, or set it to "
                        "the site-packages folder of a Python that has torch")
  endif()
  add_library(torch::c10 SHARED IMPORTED GLOBAL)
  set_target_properties(torch::c10 PROPERTIES
    IMPORTED_LOCATION ${torch}/lib/libc10.so
    INTERFACE_INCLUDE_DIRECTORIES ${torch}/include)
  add_library(torch::cpu SHARED IMPORTED GLOBAL)
  set_target_properties(torch::cpu PROPERTIES
    IMPORTED_LOCATION ${torch}/lib/libtorch_cpu.so
    INTERFACE_LINK_LIBRARIES torch::c10)
  # The linker looks here for what libtorch_cpu.so itself needs.
  target_link_options(torch::cpu INTERFACE
    LINKER:-rpath-link,${torch}/lib LINKER:-rpath-link,${cuda}/lib)
endfunction()
