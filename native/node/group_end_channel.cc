#include "node/group_end_channel.h"

#include <utility>

namespace pega::node {
namespace {

using Owned = std::shared_ptr<GroupEndChannel>;

// `env` is null while the environment goes down.
void OnWake(napi_env env, napi_value, void* context, void*) {
  if (env == nullptr) return;
  const Owned channel = *static_cast<Owned*>(context);
  channel->Deliver();
}

void OnFinalize(napi_env, void*, void* context) {
  const std::unique_ptr<Owned> last(static_cast<Owned*>(context));
}

}  // namespace

std::shared_ptr<GroupEndChannel> GroupEndChannel::Open(napi_env env, OnEnds on_ends) {
  auto channel = std::make_shared<GroupEndChannel>(env, std::move(on_ends));
  auto context = std::make_unique<Owned>(channel);
  napi_value name = nullptr;
  napi_create_string_utf8(env, "pega.transfer", NAPI_AUTO_LENGTH, &name);
  napi_threadsafe_function wake = nullptr;
  const napi_status status = napi_create_threadsafe_function(
      env, nullptr, nullptr, name, 0, 1, nullptr, &OnFinalize, context.get(), &OnWake, &wake);
  if (status != napi_ok) return nullptr;
  context.release();  // OnFinalize owns it
  napi_unref_threadsafe_function(env, wake);
  channel->wake_ = wake;
  return channel;
}

void GroupEndChannel::Push(GroupEnd end) {
  const std::lock_guard lock(mutex_);
  if (wake_ == nullptr) return;
  ends_.push_back(std::move(end));
  // One wake takes all that is queued. Under the lock, so that Close can't free the function
  // meanwhile.
  if (ends_.size() == 1) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void GroupEndChannel::KeepAlive(bool on) {
  const std::lock_guard lock(mutex_);
  if (wake_ == nullptr) return;
  if (on) {
    napi_ref_threadsafe_function(env_, wake_);
  } else {
    napi_unref_threadsafe_function(env_, wake_);
  }
}

void GroupEndChannel::Deliver() {
  std::vector<GroupEnd> ends;
  {
    const std::lock_guard lock(mutex_);
    ends.swap(ends_);
  }
  if (!ends.empty() && on_ends_) on_ends_(std::move(ends));
}

void GroupEndChannel::Close() {
  napi_threadsafe_function wake = nullptr;
  {
    const std::lock_guard lock(mutex_);
    wake = std::exchange(wake_, nullptr);
    ends_.clear();
  }
  on_ends_ = nullptr;
  if (wake != nullptr) napi_release_threadsafe_function(wake, napi_tsfn_abort);
}

}  // namespace pega::node
