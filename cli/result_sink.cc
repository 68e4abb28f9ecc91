// SPDX-License-Identifier: Apache-2.0

#include "cli/result_sink.h"

#include <fmt/format.h>

#include <utility>

#include "cli/content_type.h"
#include "cli/gather.h"
#include "cli/reply.h"
#include "cli/text.h"
#include "core/json.h"

namespace darkroom {
namespace {

using nlohmann::json;

Failure Refused(Status error, const std::string& model) {
  if (error.hint().empty() && error.code() == Code::kInvalidArgument && !model.empty()) {
    error = Status::InvalidArgument(error.message(),
                                    "its inputs and parameters: darkroom models " + model);
  }
  return Failure::Remote(std::move(error));
}

}  // namespace

json EmptyResult(const std::string& job, const std::string& model) {
  return {{"job", job},         {"model", model.empty() ? json() : json(model)},
          {"output", nullptr},  {"bytes", nullptr},
          {"receipt", nullptr}, {"content_type", nullptr}};
}

std::optional<Failure> ResultSink::Open() {
  if (show_) {
    const auto pictures = DetectPictures(command_.terminal);
    if (pictures.ok()) {
      pictures_ = *pictures;
    } else if (output_.empty()) {
      return Failure::Local(pictures.status().Annotated("--show"));
    } else {
      WriteError(fmt::format("darkroom: --show: {}\n", pictures.status().message()));
    }
  }
  if (output_.empty() || output_ == "-") return std::nullopt;
  Result<std::unique_ptr<OutputFile>> file = OutputFile::Open(output_);
  if (!file.ok()) return Failure::Local(file.status());
  file_ = *std::move(file);
  return std::nullopt;
}

bool ResultSink::MayShowBytes() const {
  return !output_.empty() || pictures_ || (!command_.json && !command_.terminal.output);
}

std::optional<Failure> ResultSink::CheckForm(std::string_view accept) const {
  const std::string type = MediaType(accept);
  const bool bytes = type.starts_with("image/") || type == "application/octet-stream" ||
                     type == "application/cbor";
  if (MayShowBytes() || !bytes) return std::nullopt;
  return RefuseBytes(type);
}

Failure ResultSink::RefuseBytes(std::string_view what) const {
  return Failure::Local(Status::InvalidArgument(
      fmt::format("the result is {}, which {} cannot hold", what,
                  command_.json ? "the JSON object of --json" : "a terminal"),
      command_.json ? "write it to a file: -o FILE"
                    : "write it to a file (-o FILE) or into a pipe (| other-program)"));
}

std::optional<Failure> ResultSink::Deliver(const Incoming& reply, json* result) {
  json& fields = *result;
  fields["receipt"] = ReceiptOf(reply);
  if (const auto job = reply.Header("Darkroom-Job")) fields["job"] = *job;
  if (const auto model = reply.Header("Darkroom-Model")) fields["model"] = *model;
  const std::string model = TextField(fields, "model");
  if (std::optional<Status> error = ErrorOf(reply)) return Refused(*std::move(error), model);

  const std::string content_type =
      reply.Header("Content-Type").value_or("application/octet-stream");
  fields["bytes"] = reply.body().size();
  fields["content_type"] = content_type;
  if (file_ == nullptr && pictures_ && content_type.starts_with("image/")) {
    const Status drawn = Draw(reply.body(), MediaType(content_type));
    return drawn.ok() ? std::nullopt : std::optional(Failure::Local(drawn));
  }
  if (file_ == nullptr) return Show(reply.body(), MediaType(content_type), result);
  const Status status = file_->Commit(reply.body());
  if (!status.ok()) return Failure::Local(status);
  fields["output"] = output_;
  if (pictures_) {
    const Status drawn = Draw(reply.body(), MediaType(content_type));
    if (!drawn.ok()) WriteError(fmt::format("darkroom: --show: {}\n", drawn.message()));
  }
  if (!quiet_ && !command_.json) {
    WriteError(fmt::format("{}: {}\n", Printable(output_),
                           Summary(reply.body().size(), content_type, model, fields["receipt"])));
  }
  return std::nullopt;
}

Status ResultSink::Draw(std::string_view body, const std::string& type) const {
  const auto text = InlinePicture(*pictures_, type, body, command_.terminal.width);
  return text.ok() ? WriteOutput(*text) : text.status();
}

// Without a file: into the JSON object, onto the terminal, or into the pipe.
std::optional<Failure> ResultSink::Show(std::string_view body, const std::string& type,
                                        json* result) {
  if ((pictures_ || !MayShowBytes()) && !IsText(type)) return RefuseBytes(type);
  if (command_.json) {
    Result<json> value = IsJson(type) ? ParseJson(body) : Result<json>(json(std::string(body)));
    if (!value.ok()) return Failure::Remote(value.status().Annotated("the daemon's reply"));
    (*result)["result"] = *std::move(value);
    return std::nullopt;
  }
  Status status;
  if (command_.terminal.output && output_.empty()) {
    const std::string text = PrintableLines(body);
    status = WriteOutput(text.ends_with('\n') ? text : text + "\n");
  } else {
    status = WriteOutput(body);
  }
  if (!status.ok()) return Failure::Local(status);
  return std::nullopt;
}

}  // namespace darkroom
