#include "cuda/fake/captures.h"

namespace pega::cuda::fake {

int& ThreadCaptureMode() {
  thread_local int mode = kCaptureGlobal;
  return mode;
}

void Invalidate(Machine& machine, std::uint64_t capture) {
  const auto found = machine.captures.find(capture);
  if (found != machine.captures.end()) found->second.invalidated = true;
}

CUresult RefuseUnsafe(Call& call) {
  if (ThreadCaptureMode() == kCaptureRelaxed) return kSuccess;
  CUresult result = kSuccess;
  for (auto& [id, capture] : call.machine().captures) {
    const bool own = capture.thread == std::this_thread::get_id();
    const bool refused =
        own ? capture.mode != kCaptureRelaxed
            : capture.mode == kCaptureGlobal && ThreadCaptureMode() == kCaptureGlobal;
    if (!refused) continue;
    capture.invalidated = true;
    result = kErrorStreamCaptureUnsupported;
  }
  return result;
}

CUresult RefuseLegacy(Call& call, bool spoil) {
  CUresult result = kSuccess;
  for (const auto& [handle, stream] : call.machine().streams) {
    if (stream->capture == 0 || !stream->blocking || stream->context != call.context->id) continue;
    if (spoil) Invalidate(call.machine(), stream->capture);
    result = kErrorStreamCaptureImplicit;
  }
  return result;
}

CUresult BeginCapture(Call& call, CUstream handle, int mode) {
  CUresult result = kSuccess;
  Stream* const stream = FindStream(call, handle, &result);
  if (stream == nullptr) return result;
  if (stream->legacy) return kErrorStreamCaptureUnsupported;
  if (stream->capture != 0) return kErrorInvalidValue;
  stream->capture = Driver::NextHandle();
  call.machine().captures[stream->capture] = {std::this_thread::get_id(), mode, false};
  return kSuccess;
}

CUresult EndCapture(Call& call, CUstream handle) {
  CUresult result = kSuccess;
  Stream* const stream = FindStream(call, handle, &result);
  if (stream == nullptr) return result;
  const std::uint64_t id = stream->capture;
  const auto capture = call.machine().captures.find(id);
  if (capture == call.machine().captures.end()) return kErrorStreamCaptureUnmatched;
  if (capture->second.mode != kCaptureRelaxed &&
      capture->second.thread != std::this_thread::get_id()) {
    return kErrorStreamCaptureWrongThread;
  }
  result = capture->second.invalidated ? kErrorStreamCaptureInvalidated : kSuccess;
  for (const auto& [number, other] : call.machine().streams) {
    if (other->capture == id) other->capture = 0;
  }
  call.machine().captures.erase(capture);
  return result;
}

}  // namespace pega::cuda::fake
