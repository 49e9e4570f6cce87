#include "cuda/plan/calibration.h"

#include <array>
#include <chrono>
#include <utility>

#include "cuda/plan/calibration_file.h"
#include "cuda/plan/cost_measurement.h"

namespace pega::cuda {
namespace {

// The UUID, or where the GPU is plugged in with a driver that tells none.
Result<std::string> GpuId(const Context& context) {
  const DriverApi& api = context.api();
  CUuuid uuid = {};
  if (api.DeviceGetUuid != nullptr && api.DeviceGetUuid(&uuid, context.device()) == kSuccess) {
    return UuidText(uuid);
  }
  std::array<char, 64> bus = {};
  PEGA_RETURN_IF_ERROR(
      ToStatus(api, "cuDeviceGetPCIBusId",
               api.DeviceGetPCIBusId(bus.data(), bus.size() - 1, context.device())));
  return "PCI-" + std::string(bus.data());
}

Result<CalibrationKey> KeyOf(const Context& context) {
  const DriverApi& api = context.api();
  std::array<char, 256> name = {};
  PEGA_RETURN_IF_ERROR(ToStatus(api, "cuDeviceGetName",
                                api.DeviceGetName(name.data(), name.size() - 1, context.device())));
  const Result<std::string> id = GpuId(context);
  if (!id.ok()) return id.status();
  return CalibrationKey{
      .gpu = std::string(name.data()) + " (" + id.value() + ")",
      .file_name = id.value() + "-" + std::to_string(api.version) + ".calibration",
      .driver_version = api.version};
}

// Keeps what was measured, or notes why it can't be.
void Keep(const Result<std::string>& folder, const CalibrationKey& key, Calibration& calibration) {
  const Status status =
      folder.ok() ? WriteCalibration(folder.value(), key, calibration.cost) : folder.status();
  if (status.ok()) {
    calibration.path = folder.value() + "/" + key.file_name;
  } else {
    calibration.note = "not kept: " + status.message();
  }
}

}  // namespace

Result<Calibration> Calibrate(const ContextPtr& context, bool afresh, double seconds_max) {
  const Result<CalibrationKey> key = KeyOf(*context);
  if (!key.ok()) return key.status();
  Calibration calibration;
  calibration.gpu = key.value().gpu;
  calibration.driver_version = key.value().driver_version;
  const Result<std::string> folder = CalibrationFolder();
  if (folder.ok() && !afresh) {
    std::string path = folder.value() + "/" + key.value().file_name;
    const Result<CostModel> cost = ReadCalibration(path, key.value());
    if (cost.ok()) {
      calibration.cost = cost.value();
      calibration.path = std::move(path);
      calibration.from_file = true;
      return calibration;
    }
  }
  const auto began = std::chrono::steady_clock::now();
  const Result<CostMeasurement> measured = MeasureCost(context, seconds_max);
  if (!measured.ok()) return measured.status();
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - began;
  calibration.cost = measured.value().cost;
  calibration.note = measured.value().note;
  calibration.seconds = spent.count();
  if (calibration.note.empty()) Keep(folder, key.value(), calibration);
  return calibration;
}

}  // namespace pega::cuda
