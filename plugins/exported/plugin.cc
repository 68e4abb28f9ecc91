// SPDX-License-Identifier: Apache-2.0

#include "exported/model.h"

DARKROOM_PLUGIN(darkroom::ExportedModel)
