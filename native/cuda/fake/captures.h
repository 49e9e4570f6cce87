// Stream capture, as far as it can hurt those beside it: which calls are refused and spoil a
// capture. What is captured is dropped. Guarded by the driver's mutex.
#pragma once

#include "cuda/fake/call.h"

namespace pega::cuda::fake {

// cuThreadExchangeStreamCaptureMode's, of this thread.
int& ThreadCaptureMode();

// For calls that CUDA counts as unsafe: kSuccess, or the refusal; then the captures are spoilt.
CUresult RefuseUnsafe(Call& call);
// For work on a context's stream 0: refused while a stream that is ordered with it captures, which
// is then spoilt; asking whether it captures is refused too but spoils nothing.
CUresult RefuseLegacy(Call& call, bool spoil = true);
void Invalidate(Machine& machine, std::uint64_t capture);

CUresult BeginCapture(Call& call, CUstream stream, int mode);
CUresult EndCapture(Call& call, CUstream stream);

}  // namespace pega::cuda::fake
