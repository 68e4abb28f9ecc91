// SPDX-License-Identifier: Apache-2.0

#include "worker/set_up_text.h"

#include <nlohmann/json.hpp>

#include "core/json.h"

namespace darkroom {

std::string WriteSetUp(const host::HostOptions& host, const SandboxRules& sandbox) {
  return WriteJson({{"max_pixels", host.max_pixels},
                    {"max_input_bytes", host.max_input_bytes},
                    {"codec_threads", host.codec_threads},
                    {"torch_lib", host.torch_lib},
                    {"cuda", host.cuda},
                    {"readable", sandbox.readable},
                    {"writable", sandbox.writable},
                    {"memory", sandbox.memory},
                    {"local_sockets", sandbox.local_sockets},
                    {"memory_files", sandbox.memory_files}});
}

Status ReadSetUp(std::string_view text, host::HostOptions* host, SandboxRules* sandbox) {
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    json.at("max_pixels").get_to(host->max_pixels);
    json.at("max_input_bytes").get_to(host->max_input_bytes);
    json.at("codec_threads").get_to(host->codec_threads);
    json.at("torch_lib").get_to(host->torch_lib);
    json.at("cuda").get_to(host->cuda);
    json.at("readable").get_to(sandbox->readable);
    json.at("writable").get_to(sandbox->writable);
    json.at("memory").get_to(sandbox->memory);
    json.at("local_sockets").get_to(sandbox->local_sockets);
    json.at("memory_files").get_to(sandbox->memory_files);
    return Status::Ok();
  } catch (const nlohmann::json::exception& error) {
    return Status::InvalidArgument(error.what());
  }
}

}  // namespace darkroom
