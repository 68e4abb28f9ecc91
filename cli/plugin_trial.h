// SPDX-License-Identifier: Apache-2.0
//
// Trying a plugin: it is taken through a whole life in a process of its own, as a daemon would have
// it, with jobs that are made up from its manifest.
//
// One thread, which waits meanwhile; Ctrl-C ends it.

#ifndef DARKROOM_CLI_PLUGIN_TRIAL_H_
#define DARKROOM_CLI_PLUGIN_TRIAL_H_

#include "cli/interrupts.h"
#include "cli/trial_report.h"
#include "cli/trial_set_up.h"
#include "core/status.h"
#include "plugin/registry.h"

namespace darkroom {

// An error is one of what was asked for, or of this installation: nothing was tried.
Result<TrialReport> TryPlugin(const PluginFile& file, const TrialOptions& options,
                              Interrupts* interrupts);

}  // namespace darkroom

#endif  // DARKROOM_CLI_PLUGIN_TRIAL_H_
