// FullFence: a sequentially consistent fence between this process's accesses to shared memory.
//
// It orders plain, atomic and system-call accesses (pread, pwrite) of one thread as the processor
// and all other processes see them. ThreadSanitizer knows no fences and g++ refuses them beside it;
// there a read-modify-write stands in, which is as strong on the machines that run it.
#pragma once

#include <atomic>

namespace pega {

inline void FullFence() {
#ifdef __SANITIZE_THREAD__
  std::atomic<int> word{0};
  word.fetch_add(1, std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace pega
