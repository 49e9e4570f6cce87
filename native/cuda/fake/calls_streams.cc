// Streams and events.
#include "cuda/fake/call.h"
#include "cuda/fake/captures.h"

namespace pega::cuda::fake::calls {
namespace {

bool HasEnded(const OperationPtr& operation) {
  return operation == nullptr || operation->state == Operation::State::kDone;
}

// Waits for an operation; the outcome of its context.
CUresult Await(Call& call, OperationPtr operation) {
  call.driver.changed.wait(call.lock, [&operation] { return HasEnded(operation); });
  if (operation == nullptr) return kSuccess;
  const Context* const context = FindContext(call.machine(), operation->context);
  if (context == nullptr) return kErrorContextIsDestroyed;
  if (context->dead == kSuccess) call.machine().Observe(operation->clock);
  return context->dead;
}

// An event that may be asked for its end: it is live, was recorded, not in a capture.
Event* FindRecorded(Call& call, CUevent handle, CUresult* result) {
  Event* const event = FindEvent(call, handle, result);
  if (event == nullptr) return nullptr;
  if (event->capture != 0) {
    Invalidate(call.machine(), event->capture);
    *result = kErrorCapturedEvent;
    return nullptr;
  }
  if (event->record == nullptr) {
    (void)call.Misuse(kSuccess, "event " + Hex(NumberOf(handle)) +
                                    " was never recorded, so this waits for nothing");
  }
  return event;
}

}  // namespace

CUresult StreamCreateWithPriority(CUstream* handle, unsigned flags, int priority) {
  Call& call = Call::Current();
  if (flags > kStreamNonBlocking) return kErrorInvalidValue;
  const StreamPtr stream = call.machine().MakeStream(call.context->id, /*is_legacy=*/false,
                                                     flags != kStreamNonBlocking, priority);
  *handle = reinterpret_cast<CUstream>(stream->id);
  return kSuccess;
}

CUresult StreamDestroy(CUstream handle) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  Stream* const stream = FindStream(call, handle, &result);
  if (stream == nullptr) return result;
  if (stream->legacy) return call.Misuse(kErrorInvalidHandle, "stream 0 can't be destroyed");
  Invalidate(call.machine(), stream->capture);
  stream->destroyed = true;  // what it has still runs
  call.machine().streams.erase(NumberOf(handle));
  call.driver.changed.notify_all();
  return call.context->dead;
}

CUresult StreamSynchronize(CUstream handle) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  Stream* const stream = FindStream(call, handle, &result);
  if (stream == nullptr) return result;
  if (stream->capture != 0) {
    Invalidate(call.machine(), stream->capture);
    return kErrorStreamCaptureUnsupported;
  }
  if (!stream->legacy) return Await(call, stream->tail);
  // Stream 0 has ended when the streams ordered with it have.
  return Await(call, call.machine().Enqueue(*stream, call.symbol, nullptr, {}, {}, {}));
}

CUresult StreamIsCapturing(CUstream handle, int* status) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  const Stream* const stream = FindStream(call, handle, &result);
  if (stream == nullptr) return result;
  if (stream->legacy) PEGA_FAKE_RETURN_IF(RefuseLegacy(call, /*spoil=*/false));
  const auto capture = call.machine().captures.find(stream->capture);
  if (capture == call.machine().captures.end()) {
    *status = kCaptureNone;
  } else {
    *status = capture->second.invalidated ? kCaptureInvalidated : kCaptureActive;
  }
  return kSuccess;
}

CUresult StreamWaitEvent(CUstream handle, CUevent event_handle, unsigned flags) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  Stream* const stream = FindStream(call, handle, &result);
  if (stream == nullptr) return result;
  Event* const event = FindEvent(call, event_handle, &result);
  if (event == nullptr) return result;
  if (flags != 0) return kErrorInvalidValue;
  if (stream->legacy) PEGA_FAKE_RETURN_IF(RefuseLegacy(call));
  if (event->capture != 0) {  // the stream joins the capture
    if (stream->capture == 0) stream->capture = event->capture;
    return stream->capture == event->capture ? kSuccess : kErrorStreamCaptureIsolation;
  }
  if (stream->capture != 0) {
    Invalidate(call.machine(), stream->capture);
    return kErrorStreamCaptureIsolation;
  }
  if (event->record == nullptr) {
    return call.Misuse(kSuccess, "event " + Hex(NumberOf(event_handle)) +
                                     " was never recorded, so this waits for nothing");
  }
  call.machine().Enqueue(*stream, call.symbol, nullptr, {}, {}, {event->record});
  return kSuccess;
}

CUresult EventCreate(CUevent* handle, unsigned flags) {
  constexpr unsigned kKnown = kEventBlockingSync | kEventDisableTiming;
  Call& call = Call::Current();
  if ((flags & ~kKnown) != 0) return kErrorInvalidValue;
  const std::uint64_t id = Driver::NextHandle();
  Event& event = call.machine().events[id];
  event.context = call.context->id;
  event.timing = (flags & kEventDisableTiming) == 0;
  *handle = reinterpret_cast<CUevent>(id);
  return kSuccess;
}

CUresult EventDestroy(CUevent handle) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  if (FindEvent(call, handle, &result) == nullptr) return result;
  call.machine().events.erase(NumberOf(handle));
  return call.context->dead;
}

CUresult EventRecord(CUevent event_handle, CUstream handle) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  Stream* const stream = FindStream(call, handle, &result);
  if (stream == nullptr) return result;
  Event* const event = FindEvent(call, event_handle, &result);
  if (event == nullptr) return result;
  if (event->context != stream->context) {
    return call.Misuse(kErrorInvalidHandle, "the event is of another context than the stream");
  }
  if (stream->legacy) PEGA_FAKE_RETURN_IF(RefuseLegacy(call));
  event->capture = stream->capture;
  if (stream->capture != 0) return kSuccess;
  event->record = call.machine().Enqueue(*stream, call.symbol, nullptr, {}, {}, {});
  return kSuccess;
}

CUresult EventQuery(CUevent handle) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  const Event* const event = FindRecorded(call, handle, &result);
  if (event == nullptr) return result;
  return HasEnded(event->record) ? Await(call, event->record) : kErrorNotReady;
}

CUresult EventSynchronize(CUevent handle) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  const Event* const event = FindRecorded(call, handle, &result);
  if (event == nullptr) return result;
  return Await(call, event->record);
}

CUresult EventElapsedTime(float* milliseconds, CUevent from_handle, CUevent to_handle) {
  Call& call = Call::Current();
  CUresult result = kSuccess;
  const Event* const from = FindRecorded(call, from_handle, &result);
  if (from == nullptr) return result;
  const Event* const to = FindRecorded(call, to_handle, &result);
  if (to == nullptr) return result;
  if (from->record == nullptr || to->record == nullptr) return kErrorInvalidHandle;
  if (!from->timing || !to->timing) {
    return call.Misuse(kErrorInvalidHandle, "an event was made without timing");
  }
  if (!HasEnded(from->record) || !HasEnded(to->record)) return kErrorNotReady;
  *milliseconds =
      std::chrono::duration<float, std::milli>(to->record->ended - from->record->ended).count();
  return kSuccess;
}

}  // namespace pega::cuda::fake::calls
