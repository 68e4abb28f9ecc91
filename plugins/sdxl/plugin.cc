// SPDX-License-Identifier: Apache-2.0

#include "sdxl/model.h"

DARKROOM_PLUGIN(darkroom::SdxlModel)
