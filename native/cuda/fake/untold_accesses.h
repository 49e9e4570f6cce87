// UntoldAccesses: while it lives, ThreadSanitizer does not hear of this thread's reads and writes
// of bytes; locks count as ever. Nothing in other builds. For copies of many MiB, of which it would
// hear byte for byte: twenty times as long as the copy itself.
#pragma once

#if defined(__SANITIZE_THREAD__)
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
}
#endif

namespace pega::cuda::fake {

class UntoldAccesses {
 public:
  explicit UntoldAccesses(bool untold) : untold_(untold) {
#if defined(__SANITIZE_THREAD__)
    if (!untold_) return;
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
#endif
  }
  ~UntoldAccesses() {
#if defined(__SANITIZE_THREAD__)
    if (!untold_) return;
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
#endif
  }
  UntoldAccesses(const UntoldAccesses&) = delete;
  UntoldAccesses& operator=(const UntoldAccesses&) = delete;

 private:
  [[maybe_unused]] const bool untold_;
};

}  // namespace pega::cuda::fake
