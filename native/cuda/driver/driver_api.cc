#include "cuda/driver/driver_api.h"

#include <dlfcn.h>

#include <algorithm>
#include <memory>
#include <mutex>

namespace pega::cuda {
namespace {

constexpr char kRequired[] = "a driver of CUDA 12.0 or later";

std::string VersionText(int version) {
  if (version <= 0) return "driver of unknown version";
  return "driver of CUDA " + std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

std::string Join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

// Fills a field; false when the library has no such symbol.
template <typename Function>
bool Find(void* library, const char* symbol, Function** field) {
  *field = reinterpret_cast<Function*>(dlsym(library, symbol));
  return *field != nullptr;
}

std::vector<std::string> FindAll(void* library, DriverApi* api) {
  std::vector<std::string> missing;
#define PEGA_CUDA_FIND(field, symbol, arguments) \
  if (!Find(library, symbol, &api->field)) missing.push_back(symbol);
  PEGA_CUDA_REQUIRED(PEGA_CUDA_FIND)
#undef PEGA_CUDA_FIND
#define PEGA_CUDA_FIND(field, symbol, arguments) \
  if (!Find(library, symbol, &api->field)) api->missing_optional.push_back(symbol);
  PEGA_CUDA_OPTIONAL(PEGA_CUDA_FIND)
#undef PEGA_CUDA_FIND
  return missing;
}

Status CheckReady(const DriverApi& api) {
  const CUresult initialised = api.Init(0);
  int devices = 0;
  const CUresult counted = initialised == kSuccess ? api.DeviceGetCount(&devices) : kSuccess;
  const std::string with = " (" + VersionText(api.version) + ")";
  if (initialised == kErrorStubLibrary) {
    return Status(
        Code::kUnsupported,
        "libcuda.so.1 is the toolkit's stub, not a driver; required: " + std::string(kRequired));
  }
  if (initialised != kSuccess) {
    return Status(Code::kUnsupported, ToStatus(api, "cuInit", initialised).message() + with);
  }
  if (counted != kSuccess) {
    return Status(Code::kUnsupported, ToStatus(api, "cuDeviceGetCount", counted).message() + with);
  }
  if (devices == 0) return Status(Code::kUnsupported, "the driver shows no GPU" + with);
  return Status::Ok();
}

// Tables live as long as the process: handles and threads may call through them until its end.
const DriverApi* Keep(std::unique_ptr<const DriverApi> api) {
  static std::mutex mutex;
  static auto& kept = *new std::vector<std::unique_ptr<const DriverApi>>;
  const std::lock_guard lock(mutex);
  kept.push_back(std::move(api));
  return kept.back().get();
}

}  // namespace

Result<const DriverApi*> DriverApi::Load(const std::string& library) {
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* const why = dlerror();
    return Status(Code::kUnsupported,
                  library + " not found: " + (why == nullptr ? "no reason given" : why) +
                      "; required: " + kRequired);
  }
  auto api = std::make_unique<DriverApi>();
  const std::vector<std::string> missing = FindAll(handle, api.get());
  if (api->DriverGetVersion != nullptr && api->DriverGetVersion(&api->version) != kSuccess) {
    api->version = 0;
  }
  if (!missing.empty()) {
    return Status(Code::kUnsupported, VersionText(api->version) + " lacks " + Join(missing) +
                                          "; required: " + kRequired);
  }
  PEGA_RETURN_IF_ERROR(CheckReady(*api));
  return Keep(std::move(api));
}

Result<const DriverApi*> DriverApi::Get() {
  static const auto& loaded = *new Result<const DriverApi*>(Load("libcuda.so.1"));
  return loaded;
}

Status ToStatus(const DriverApi& api, const char* call, CUresult result) {
  if (result == kSuccess) return Status::Ok();
  const char* name = nullptr;
  const char* text = nullptr;
  if (api.GetErrorName(result, &name) != kSuccess || name == nullptr) name = "unknown result";
  if (api.GetErrorString(result, &text) != kSuccess || text == nullptr) text = "";
  std::string message = std::string(call) + ": " + name + " (" + std::to_string(result) + ")";
  if (*text != '\0') message += std::string(": ") + text;
  return Status(Code::kDevice, std::move(message));
}

bool IsSticky(CUresult result) {
  return std::find(std::begin(kStickyResults), std::end(kStickyResults), result) !=
         std::end(kStickyResults);
}

std::string UuidText(const CUuuid& uuid) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "GPU-";
  for (std::size_t i = 0; i < sizeof(uuid.bytes); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[uuid.bytes[i] >> 4];
    text += kDigits[uuid.bytes[i] & 15];
  }
  return text;
}

}  // namespace pega::cuda
