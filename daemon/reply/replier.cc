// SPDX-License-Identifier: Apache-2.0

#include "reply/replier.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/excerpt.h"
#include "core/json.h"
#include "core/units.h"
#include "message/object_calls.h"
#include "reply/result_body.h"

namespace darkroom {
namespace {

// The headers of a receipt, the longest there can be.
constexpr uint64_t kHeaderBytes = 2048;
// Of a message whose size is chosen, with what may be written beside the receipt.
constexpr uint64_t kRoomForHeaders = uint64_t{64} * 1024;

Status TooLarge(uint64_t bytes, uint64_t limit) {
  return {Code::kTooLarge,
          fmt::format("the reply has {} bytes, more than the server's max_payload of {}", bytes,
                      FormatSize(limit)),
          "ask for a smaller scale, or image/jpeg or image/webp; or raise max_payload"};
}

// Whoever words an error quotes in excerpts; this only makes sure that it can always be sent.
constexpr size_t kLongestWords = 2000;

void EndSpans(const Receipt& receipt, bool sent) {
  if (receipt.spans != nullptr) receipt.spans->Published(sent);
}

void SealError(const Status& status, const Receipt& receipt, uint32_t retry_after_s,
               Envelope* envelope) {
  const std::string message = Excerpt(status.message(), kLongestWords);
  envelope->Header("Nats-Service-Error", message);
  envelope->Header("Nats-Service-Error-Code", std::to_string(CodeNumber(status.code())));
  envelope->Header("Content-Type", "application/json");
  if (retry_after_s > 0) envelope->Header("Retry-After", std::to_string(retry_after_s));
  receipt.WriteTo(envelope);
  const nlohmann::json body = {{"code", CodeName(status.code())},
                               {"message", message},
                               {"hint", Excerpt(status.hint(), kLongestWords)},
                               {"retryable", IsRetryable(status.code())}};
  envelope->Body(Buffer::Copy(AsBytes(WriteJson(body))));
}

class ErrorReply : public Publication {
 public:
  ErrorReply(std::string subject, Receipt receipt, Status status, uint32_t retry_after_s,
             PlainPublication::Headers headers = {})
      : subject_(std::move(subject)),
        receipt_(std::move(receipt)),
        status_(std::move(status)),
        retry_after_s_(retry_after_s),
        headers_(std::move(headers)) {}
  const std::string& subject() const override { return subject_; }
  void Seal(uint64_t, Envelope* envelope) override {
    for (const auto& [name, value] : headers_) envelope->Header(name.c_str(), value);
    SealError(status_, receipt_, retry_after_s_, envelope);
  }

  void OnWritten(bool sent) override { EndSpans(receipt_, sent); }

 private:
  std::string subject_;
  Receipt receipt_;
  Status status_;
  uint32_t retry_after_s_;
  PlainPublication::Headers headers_;
};

class ResultReply : public Publication {
 public:
  // `request` is only kept, to be freed with this.
  ResultReply(std::string subject, ReplyForm::Body form, Receipt receipt,
              std::vector<host::Output> outputs, PlainPublication::Headers headers,
              Request request = {})
      : subject_(std::move(subject)),
        form_(form),
        receipt_(std::move(receipt)),
        outputs_(std::move(outputs)),
        headers_(std::move(headers)),
        request_(std::move(request)) {}
  const std::string& subject() const override { return subject_; }
  void Seal(uint64_t max_payload, Envelope* envelope) override {
    for (const auto& [name, value] : headers_) envelope->Header(name.c_str(), value);
    ResultBody body = FormResult(form_, receipt_.job, std::move(outputs_));
    // The limit may have changed with the server since CheckSize, and an object's exact size is
    // known only now.
    if (body.bytes.size() + kHeaderBytes > max_payload) {
      SealError(TooLarge(body.bytes.size(), max_payload), receipt_, 0, envelope);
      return;
    }
    envelope->Header("Content-Type", body.content_type);
    receipt_.WriteTo(envelope);
    envelope->Body(std::move(body.bytes));
  }

  void OnWritten(bool sent) override { EndSpans(receipt_, sent); }

 private:
  std::string subject_;
  ReplyForm::Body form_;
  Receipt receipt_;
  std::vector<host::Output> outputs_;
  PlainPublication::Headers headers_;
  Request request_;
};

class ObjectReply : public Publication {
 public:
  ObjectReply(std::string subject, StoredResult stored, Receipt receipt,
              PlainPublication::Headers headers)
      : subject_(std::move(subject)),
        stored_(std::move(stored)),
        receipt_(std::move(receipt)),
        headers_(std::move(headers)) {}
  const std::string& subject() const override { return subject_; }
  void Seal(uint64_t, Envelope* envelope) override {
    for (const auto& [name, value] : headers_) envelope->Header(name.c_str(), value);
    envelope->Header("Content-Type", stored_.content_type);
    envelope->Header(kObjectHeader, stored_.url);
    receipt_.WriteTo(envelope);
  }

  void OnWritten(bool sent) override { EndSpans(receipt_, sent); }

 private:
  std::string subject_;
  StoredResult stored_;
  Receipt receipt_;
  PlainPublication::Headers headers_;
};

class ProgressNote : public Publication {
 public:
  ProgressNote(std::string subject, Buffer body, PlainPublication::Headers headers,
               TraceContext trace)
      : subject_(std::move(subject)),
        body_(std::move(body)),
        headers_(std::move(headers)),
        trace_(std::move(trace)) {}
  const std::string& subject() const override { return subject_; }
  void Seal(uint64_t, Envelope* envelope) override {
    for (const auto& [name, value] : headers_) envelope->Header(name.c_str(), value);
    WriteTrace(trace_, envelope);
    envelope->Body(std::move(body_));
  }

 private:
  std::string subject_;
  Buffer body_;
  PlainPublication::Headers headers_;
  TraceContext trace_;
};

}  // namespace

std::unique_ptr<Publication> ResultMessage(std::string subject, ReplyForm::Body form,
                                           Receipt receipt, std::vector<host::Output> outputs,
                                           PlainPublication::Headers headers) {
  return std::make_unique<ResultReply>(std::move(subject), form, std::move(receipt),
                                       std::move(outputs), std::move(headers));
}

std::unique_ptr<Publication> ObjectMessage(std::string subject, StoredResult stored,
                                           Receipt receipt, PlainPublication::Headers headers) {
  return std::make_unique<ObjectReply>(std::move(subject), std::move(stored), std::move(receipt),
                                       std::move(headers));
}

std::unique_ptr<Publication> ErrorMessage(std::string subject, Receipt receipt, Status status,
                                          PlainPublication::Headers headers) {
  return std::make_unique<ErrorReply>(std::move(subject), std::move(receipt), std::move(status), 0,
                                      std::move(headers));
}

Replier::Replier(Publisher* publisher, std::string prefix)
    : publisher_(publisher), prefix_(std::move(prefix)) {}

Status Replier::CheckSize(ReplyForm::Body form, const std::vector<host::Output>& outputs) {
  const uint64_t limit = publisher_->connection().max_payload();
  const uint64_t bytes = LeastResultBytes(form, outputs);
  // Before the first connection there is no limit to know.
  if (limit > 0 && bytes + kHeaderBytes > limit) return TooLarge(bytes, limit);
  return Status::Ok();
}

bool Replier::IsForStore(ReplyForm::Body form, const std::vector<host::Output>& outputs,
                         uint64_t inline_bytes) const {
  const uint64_t limit = publisher_->connection().max_payload();
  const uint64_t fits = limit > kRoomForHeaders ? limit - kRoomForHeaders : limit / 2;
  if (LeastResultBytes(form, outputs) > inline_bytes) return true;
  // One that may not fit must not turn out not to when it is formed.
  return limit > 0 && MostResultBytes(form, outputs) > fits;
}

void Replier::Result(const Request& request, Receipt receipt, StoredResult stored) {
  publisher_->Publish(ObjectMessage(request.reply, std::move(stored), std::move(receipt), {}));
}

void Replier::Result(Request request, Receipt receipt, std::vector<host::Output> outputs) {
  std::string subject = std::move(request.reply);
  const ReplyForm::Body form = request.form.body;
  publisher_->Publish(std::make_unique<ResultReply>(std::move(subject), form, std::move(receipt),
                                                    std::move(outputs), PlainPublication::Headers{},
                                                    std::move(request)));
}

void Replier::Error(std::string subject, Receipt receipt, Status status, uint32_t retry_after_s) {
  if (subject.empty()) return;
  publisher_->Publish(std::make_unique<ErrorReply>(std::move(subject), std::move(receipt),
                                                   std::move(status), retry_after_s));
}

void Replier::Progress(const Job& job) {
  const nlohmann::json note = {{"job", job.id}, {"fraction", job.progress}, {"stage", job.stage}};
  publisher_->Publish(
      std::make_unique<ProgressNote>(ProgressSubject(job), Buffer::Copy(AsBytes(WriteJson(note))),
                                     PlainPublication::Headers{}, job.trace.context));
}

void Replier::Preview(const Job& job, Buffer jpeg) {
  const uint64_t limit = publisher_->connection().max_payload();
  if (limit > 0 && jpeg.size() + kHeaderBytes > limit) return;
  PlainPublication::Headers headers = {{"Content-Type", "image/jpeg"},
                                       {"Darkroom-Job", job.id},
                                       {"Darkroom-Preview", std::to_string(job.previews)}};
  publisher_->Publish(std::make_unique<ProgressNote>(ProgressSubject(job), std::move(jpeg),
                                                     std::move(headers), job.trace.context));
}

std::string Replier::ProgressSubject(const Job& job) const {
  return fmt::format("{}.progress.{}", prefix_, job.id);
}

}  // namespace darkroom
