// SPDX-License-Identifier: Apache-2.0

#include "caption/model.h"

DARKROOM_PLUGIN(darkroom::CaptionModel)
