// SPDX-License-Identifier: Apache-2.0

#include "inpaint/model.h"

DARKROOM_PLUGIN(darkroom::InpaintModel)
