// SPDX-License-Identifier: Apache-2.0
//
// What a refusal says. One thread.

#ifndef DARKROOM_TESTS_PLUGINS_COMMON_DIFFUSION_ERROR_OF_H_
#define DARKROOM_TESTS_PLUGINS_COMMON_DIFFUSION_ERROR_OF_H_

#include <gtest/gtest.h>

#include <darkroom/plugin.hpp>
#include <string>

namespace darkroom::diffusion {

// The words of the Error that `action` throws, whose status must be this one.
template <typename Action>
std::string ErrorOf(dr_status status, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.status(), status) << error.what();
    return error.what();
  }
  return "no error";
}

}  // namespace darkroom::diffusion

#endif  // DARKROOM_TESTS_PLUGINS_COMMON_DIFFUSION_ERROR_OF_H_
