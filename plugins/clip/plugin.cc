// SPDX-License-Identifier: Apache-2.0

#include "clip/model.h"

DARKROOM_PLUGIN(darkroom::ClipModel)
