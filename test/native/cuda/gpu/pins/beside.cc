#include "cuda/gpu/pins/beside.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "cuda/gpu/gpu.h"

namespace pega::cuda::gpu {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kTickPtx[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry tick() { ret; }\n";

double MicrosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

// Registers the pool again and again; `now` is true while pieces are being registered.
class Registering {
 public:
  Registering(const ContextPtr& context, const GrowingPool& pool, const BesidePlan& plan) {
    if (!plan.registering) {
      now_ = true;
      return;
    }
    thread_ = std::thread([this, &context, &pool, plan] {
      while (!stop_) Round(context, pool, plan);
    });
    while (!now_) std::this_thread::yield();
  }
  ~Registering() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  bool now() const { return now_; }
  std::uint64_t registered_bytes() const { return registered_bytes_; }

 private:
  void Round(const ContextPtr& context, const GrowingPool& pool, const BesidePlan& plan) {
    auto pins = PinnedSlabs::Start(context, pool.Open(), plan.pins, [] {});
    if (plan.serving) pins->SetServing();
    now_ = true;
    while (!stop_ && pins->progress().slabs_ready < pool.slabs_total()) {
      Must(pins->progress().error);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    now_ = false;
    registered_bytes_ += pins->progress().registered_bytes;
  }

  std::atomic<bool> stop_{false}, now_{false};
  std::atomic<std::uint64_t> registered_bytes_{0};
  std::thread thread_;
};

struct Ticks {
  explicit Ticks(const ContextPtr& the_context)
      : context(the_context),
        stream(Take(MakeStream(context, false))),
        module(Take(LoadModule(context, kTickPtx))),
        kernel(Take(FindFunction(*context, module, "tick"))) {
    Launch();
    Wait();
  }
  void Launch() const {
    const CUresult result = context->api().LaunchKernel(kernel, 1, 1, 1, 32, 1, 1, 0, stream.get(),
                                                        nullptr, nullptr);
    Must(ToStatus(context->api(), "cuLaunchKernel", result));
  }
  void Wait() const {
    Must(ToStatus(context->api(), "cuStreamSynchronize",
                  context->api().StreamSynchronize(stream.get())));
  }
  const ContextPtr& context;
  Stream stream;
  Module module;
  CUfunction kernel;
};

double At(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[std::min(sorted.size() - 1,
                         static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

void Print(const char* what, const BesidePlan& plan, std::vector<double> times_us,
           std::uint64_t registered_bytes, const std::string& more) {
  std::sort(times_us.begin(), times_us.end());
  std::printf(
      "{\"what\":\"%s\",\"beside\":\"%s\",\"piece_mib\":%llu,\"threads\":%u,\"serving\":%s,"
      "\"count\":%zu,\"p50_us\":%.2f,\"p99_us\":%.2f,\"p999_us\":%.2f,\"max_us\":%.0f,"
      "\"registered_gib\":%.2f%s}\n",
      what, plan.name, static_cast<unsigned long long>(plan.pins.piece_bytes >> 20),
      plan.pins.threads, plan.serving ? "true" : "false", times_us.size(), At(times_us, 0.5),
      At(times_us, 0.99), At(times_us, 0.999), times_us.empty() ? 0 : times_us.back(),
      static_cast<double>(registered_bytes) / (1 << 30), more.c_str());
  std::fflush(stdout);
}

struct CaptureCalls {
  CUresult (*begin)(CUstream, int) = nullptr;
  CUresult (*end)(CUstream, void**) = nullptr;
  CUresult (*destroy)(void*) = nullptr;

  CaptureCalls() {
    void* const library = ::dlopen("libcuda.so.1", RTLD_NOW);
    const auto find = [library](const char* symbol) {
      void* const found = library == nullptr ? nullptr : ::dlsym(library, symbol);
      Must(found != nullptr ? Status::Ok() : Status(Code::kUnsupported, symbol));
      return found;
    };
    begin = reinterpret_cast<decltype(begin)>(find("cuStreamBeginCapture_v2"));
    end = reinterpret_cast<decltype(end)>(find("cuStreamEndCapture"));
    destroy = reinterpret_cast<decltype(destroy)>(find("cuGraphDestroy"));
  }
};

}  // namespace

void MeasureLaunches(const ContextPtr& context, const GrowingPool& pool, const BesidePlan& plan,
                     double seconds) {
  const Ticks ticks(context);
  std::vector<double> times_us;
  std::uint64_t registered_bytes = 0;
  {
    const Registering registering(context, pool, plan);
    const Clock::time_point start = Clock::now();
    for (int n = 1; MicrosecondsSince(start) < seconds * 1e6; ++n) {
      const bool before = registering.now();
      const Clock::time_point launch = Clock::now();
      ticks.Launch();
      const double took_us = MicrosecondsSince(launch);
      if (before && registering.now()) times_us.push_back(took_us);
      if (n % 64 == 0) ticks.Wait();
    }
    ticks.Wait();
    registered_bytes = registering.registered_bytes();
  }
  Print("launch", plan, std::move(times_us), registered_bytes, "");
}

void MeasureCaptures(const ContextPtr& context, const GrowingPool& pool, const BesidePlan& plan,
                     double seconds) {
  constexpr int kLaunches = 200;
  const CaptureCalls calls;
  const Ticks ticks(context);
  const DriverApi& api = context->api();
  std::vector<double> times_us;
  int failed = 0;
  CUresult last_failure = kSuccess;
  std::uint64_t registered_bytes = 0;
  {
    const Registering registering(context, pool, plan);
    const Clock::time_point start = Clock::now();
    while (MicrosecondsSince(start) < seconds * 1e6) {
      const Clock::time_point capture = Clock::now();
      CUresult result = calls.begin(ticks.stream.get(), kCaptureGlobal);
      for (int i = 0; i < kLaunches && result == kSuccess; ++i) {
        result = api.LaunchKernel(ticks.kernel, 1, 1, 1, 32, 1, 1, 0, ticks.stream.get(), nullptr,
                                  nullptr);
      }
      void* graph = nullptr;
      const CUresult end = calls.end(ticks.stream.get(), &graph);
      if (result == kSuccess) result = end;
      if (graph != nullptr) calls.destroy(graph);
      times_us.push_back(MicrosecondsSince(capture));
      if (result != kSuccess) ++failed;
      if (result != kSuccess) last_failure = result;
    }
    registered_bytes = registering.registered_bytes();
  }
  Print("capture", plan, std::move(times_us), registered_bytes,
        ",\"failed\":" + std::to_string(failed) +
            ",\"last_failure\":" + std::to_string(last_failure));
}

}  // namespace pega::cuda::gpu
