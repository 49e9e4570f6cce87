// GroupEndChannel: brings the ends of a transfer engine's groups from its threads to JavaScript's.
//
// One thread-safe function for each engine. Three rules:
//   - It is unref'd at birth: an idle engine doesn't keep the process alive. KeepAlive is on while
//     jobs are open.
//   - Only Push may be called off the JavaScript thread. It queues plain values; nothing that
//   belongs to
//     JavaScript is copied, moved or destroyed there.
//   - Close comes before the environment goes; a Push after it is dropped. The engine's cleanup
//   hook is
//     newer than the function's own, so it runs first.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "node/napi_setup.h"
#include "transfer/transfer_engine.h"

namespace pega::node {

struct GroupEnd {
  JobId job = 0;
  std::uint32_t group = 0;
  Status status;
};

class GroupEndChannel {
 public:
  using OnEnds = std::function<void(std::vector<GroupEnd>)>;

  // Null if Node has no room for it. on_ends runs on the JavaScript thread, in a handle scope.
  static std::shared_ptr<GroupEndChannel> Open(napi_env env, OnEnds on_ends);

  // Any thread.
  void Push(GroupEnd end);

  // JavaScript thread only.
  void KeepAlive(bool on);
  void Deliver();  // what was pushed and not yet delivered
  void Close();    // delivers nothing more

  explicit GroupEndChannel(napi_env env, OnEnds on_ends)
      : env_(env), on_ends_(std::move(on_ends)) {}

 private:
  napi_env env_;
  OnEnds on_ends_;
  std::mutex mutex_;
  napi_threadsafe_function wake_ = nullptr;  // guarded by mutex_; null when closed
  std::vector<GroupEnd> ends_;               // guarded by mutex_
};

}  // namespace pega::node
