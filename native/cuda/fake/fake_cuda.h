// What the fake driver (libcuda.so.1 in the build folder's fake-cuda/) offers to tests besides
// CUDA's own calls: settings, faults, gates, read-outs. Reached by dlsym; every function is
// thread-safe.
//
// Settings are words joined by commas, in the variable PEGA_FAKE_CUDA or given to fake_cuda_reset:
//   gpus=2  memory_mib=4096  name=Fake GPU  capability=90  version=13000  sms=132
//   init=100                              what cuInit returns
//   missing=cuSymbol                      dlsym gives null (repeatable; dlerror has nothing to say)
//   ptx_max=87                            the newest PTX it loads: 8.7
//   fail=cuCall:N:RESULT                  its N-th call fails (repeatable); …:forever from then on
//   delay_us=cuCall:MICROSECONDS          what it, or a kernel, enqueues takes so long (the same)
//   seed=7                                order among streams whose next operations may all run
//   quiet=1                               misuse is not printed
//   abort=1                               misuse ends the process
//
// Copies and kernels run late, on a thread of the fake, in an order that only streams and events
// bind. A destination holds 0xDB from an operation's begin to its end. Device addresses can't be
// read by host code (they fault).
#pragma once

#include <cstddef>

#include "cuda/driver/cuda_types.h"

// X(name, result, arguments)
#define PEGA_FAKE_CUDA_CONTROLS(X)                                                                \
  /* Drops all streams, events, memory, faults, counters; reads settings afresh (null: from the   \
     environment). No other thread may be in a call. Stays initialised if it was. */              \
  X(fake_cuda_reset, void, (const char* settings))                                                \
  /* The n-th call from now (1: the next) of `function` ("cuEventRecord") returns `result`, and   \
     `times` - 1 more after it; times 0: for ever. A sticky one ends the current context too. */  \
  X(fake_cuda_fail, void,                                                                         \
    (const char* function, unsigned n, pega::cuda::CUresult result, unsigned times))              \
  /* The n-th operation that `function`, or the kernel of that name, enqueues from now on ends    \
     its context when it runs. */                                                                 \
  X(fake_cuda_fail_execution, void,                                                               \
    (const char* function, unsigned n, pega::cuda::CUresult result))                              \
  /* Faults that have not struck, or strike for ever, are taken back. */                          \
  X(fake_cuda_forget_faults, void, ())                                                            \
  X(fake_cuda_delay, void, (const char* function, unsigned microseconds))                         \
  /* A held stream begins nothing but what fake_cuda_allow grants, n operations more. */          \
  X(fake_cuda_hold, void, (pega::cuda::CUstream stream))                                          \
  X(fake_cuda_allow, void, (pega::cuda::CUstream stream, unsigned n))                             \
  X(fake_cuda_release, void, (pega::cuda::CUstream stream))                                       \
  /* All streams, those made later included. */                                                   \
  X(fake_cuda_hold_all, void, ())                                                                 \
  X(fake_cuda_release_all, void, ())                                                              \
  /* Calls of a function since the start or reset; null: of all. */                               \
  X(fake_cuda_calls, unsigned long long, (const char* function))                                  \
  /* Sentences, one a line: at most `bytes` with the zero at the end. They return the number of   \
     lines there are. misuse: what was found. open: handles and memory not yet given back.        \
     pending: operations not yet ended, in the order they were enqueued: "#7 cuMemcpyHtoDAsync_v2 \
     on stream 4098, begun". history: those that have ended, in the order of their ends. */       \
  X(fake_cuda_misuse, std::size_t, (char* text, std::size_t bytes))                               \
  X(fake_cuda_open, std::size_t, (char* text, std::size_t bytes))                                 \
  X(fake_cuda_pending, std::size_t, (char* text, std::size_t bytes))                              \
  X(fake_cuda_history, std::size_t, (char* text, std::size_t bytes))                              \
  X(fake_cuda_forget_misuse, void, ())                                                            \
  /* Live streams, oldest first; returns how many there are. */                                   \
  X(fake_cuda_streams, std::size_t, (pega::cuda::CUstream * streams, std::size_t max))            \
  /* cuStreamBeginCapture, cuStreamEndCapture of the calling thread. */                           \
  X(fake_cuda_begin_capture, pega::cuda::CUresult, (pega::cuda::CUstream stream, int mode))       \
  X(fake_cuda_end_capture, pega::cuda::CUresult, (pega::cuda::CUstream stream))                   \
  /* Where the bytes of a device address really lie; null where no allocation is. */              \
  X(fake_cuda_bytes, void*, (pega::cuda::CUdeviceptr address))

extern "C" {
#define PEGA_FAKE_CUDA_DECLARE(name, result, arguments) result name arguments;
PEGA_FAKE_CUDA_CONTROLS(PEGA_FAKE_CUDA_DECLARE)
#undef PEGA_FAKE_CUDA_DECLARE
}
