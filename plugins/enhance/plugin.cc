// SPDX-License-Identifier: Apache-2.0

#include "enhance/model.h"

DARKROOM_PLUGIN(darkroom::EnhanceModel)
