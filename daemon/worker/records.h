// SPDX-License-Identifier: Apache-2.0
//
// How the daemon and a worker speak: packets on a SOCK_SEQPACKET socket, each a row of records.
// Fixed fields lie in a record as the machine has them (both ends are of one build); texts have
// their length before them. Payloads do not travel here, save previews, which are small and nobody
// waits for: they lie in the arena, and records carry where.
//
// RecordWriter appends to a packet; RecordReader takes one apart and believes nothing that it
// reads. Plain helpers, any thread.

#ifndef DARKROOM_WORKER_RECORDS_H_
#define DARKROOM_WORKER_RECORDS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "core/buffer.h"
#include "core/status.h"

namespace darkroom {

inline constexpr uint32_t kProtocolVersion = 4;

// Longer packets are never sent; the kernel's limit for one is above 200 KiB everywhere.
inline constexpr size_t kMaxPacket = size_t{128} << 10;

// A kRun that names more would come near that.
inline constexpr uint32_t kMostJobsARun = 1024;

// What a record says. `about` names a plugin or an instance, by the number that the daemon gave it.
enum class RecordKind : uint32_t {
  // From the daemon.
  kSetUp = 1,  // JSON: WorkerSetUp
  kOpen,       // about a plugin: text path, text manifest
  kCreate,     // about an instance: u32 plugin, text model, text config, LaneSpec's fields
  kLoad,       // about an instance: u64 bytes of its device
  kRun,        // about an instance: u32 count, then JobPlace each
  kPause,      // about an instance
  kResume,     // about an instance
  kUnload,     // about an instance
  kDestroy,    // about an instance
  kCancel,     // about an instance: u64 token
  kReserved,   // about an instance: status
  kGranted,    // about an instance: u64 token, u64 offset, u64 size; size 0: there is no room
  kClose,      // about a plugin, whose instances are gone
  kPing,
  // From the worker.
  kHello = 64,  // u32 protocol version; u32 count, then a text each: what the sandbox lacks
  kOpened,      // about a plugin: status
  kCreated,     // about an instance: status
  kLoaded,      // about an instance: status, f64 milliseconds
  kFinished,    // about an instance: result, see result_record.h
  kBatchDone,   // about an instance
  kPaused,      // about an instance
  kUnloaded,    // about an instance
  kDestroyed,   // about an instance
  kAskRoom,     // about an instance: u64 token, u64 bytes; the job's thread waits
  kSaved,    // about an instance: u64 token, u32 step, u64 offset, u64 size; of room that it asked
             // for, and has no more
  kReserve,  // about an instance: u64 bytes, for the lane that waits
  kPreview,  // about an instance: u64 token, text: a JPEG, small enough to travel here
  kClosed,   // about a plugin: u32 1 if it is still mapped
  kLog,      // u32 level, text; about an instance or a plugin
  kPong,
  kMetrics,  // about an instance: see metric_record.h
};

struct RecordHead {
  uint32_t size;  // of the record, with this head
  RecordKind kind;
  uint32_t about;
  uint32_t reserved;
};

// Where a job lies in the arena: its block, from which all other offsets count.
struct JobPlace {
  uint64_t token;
  uint64_t offset;
  uint64_t size;
};

class RecordWriter {
 public:
  // Begins a record at the end of `packet`; the destructor closes it.
  RecordWriter(std::vector<std::byte>* packet, RecordKind kind, uint32_t about)
      : packet_(packet), start_(packet->size()) {
    Put(RecordHead{0, kind, about, 0});
  }
  ~RecordWriter() {
    const auto size = static_cast<uint32_t>(packet_->size() - start_);
    std::memcpy(packet_->data() + start_, &size, sizeof(size));
  }
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  template <typename T>
  void Put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    // Padding would carry bytes of the daemon's stack to a plugin.
    static_assert(std::is_arithmetic_v<T> || std::has_unique_object_representations_v<T>);
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    packet_->insert(packet_->end(), bytes, bytes + sizeof(T));
  }
  void Put(std::string_view text) {
    Put(static_cast<uint32_t>(text.size()));
    const Bytes bytes = AsBytes(text);
    packet_->insert(packet_->end(), bytes.begin(), bytes.end());
  }
  void Put(const std::string& text) { Put(std::string_view{text}); }
  // The words are cut so that a record always fits in a packet.
  void Put(const Status& status);

 private:
  std::vector<std::byte>* packet_;
  size_t start_;
};

class RecordReader {
 public:
  explicit RecordReader(Bytes bytes) : left_(bytes) {}

  // Takes the next record out of a packet: false at its end, and after nonsense (then !ok()).
  bool Next(RecordHead* head, RecordReader* body);

  // What is not there is 0 or empty, and ok() is false from then on.
  template <typename T>
  T Get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (left_.size() < sizeof(T)) {
      Fail();
      return value;
    }
    std::memcpy(&value, left_.data(), sizeof(T));
    left_ = left_.subspan(sizeof(T));
    return value;
  }
  std::string_view Text();  // a view into the packet
  Status GetStatus();

  bool ok() const { return ok_; }
  bool at_end() const { return left_.empty(); }

 private:
  void Fail() {
    ok_ = false;
    left_ = {};
  }

  Bytes left_;
  bool ok_ = true;
};

}  // namespace darkroom

#endif  // DARKROOM_WORKER_RECORDS_H_
