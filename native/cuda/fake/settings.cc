#include "cuda/fake/settings.h"

#include <cstdio>
#include <cstdlib>

namespace pega::cuda::fake {
namespace {

[[noreturn]] void Refuse(const std::string& word) {
  std::fprintf(stderr, "PEGA_FAKE_CUDA: \"%s\" is no setting\n", word.c_str());
  std::abort();
}

std::vector<std::string> Split(const std::string& text, char by) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(by, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::uint64_t Number(const std::string& text, const std::string& word) {
  char* end = nullptr;
  const std::uint64_t value = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || *end != '\0') Refuse(word);
  return value;
}

void ReadFailure(const std::string& value, const std::string& word, Settings* into) {
  const std::vector<std::string> parts = Split(value, ':');
  if (parts.size() != 3 && !(parts.size() == 4 && parts[3] == "forever")) Refuse(word);
  into->failures.push_back({parts[0], static_cast<unsigned>(Number(parts[1], word)),
                            static_cast<CUresult>(Number(parts[2], word)), parts.size() == 4});
}

void ReadDelay(const std::string& value, const std::string& word, Settings* into) {
  const std::vector<std::string> parts = Split(value, ':');
  if (parts.size() != 2) Refuse(word);
  into->delays.push_back({parts[0], static_cast<unsigned>(Number(parts[1], word))});
}

void ReadWord(const std::string& word, Settings* into) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos) Refuse(word);
  const std::string key = word.substr(0, equals), value = word.substr(equals + 1);
  if (key == "name")
    into->name = value;
  else if (key == "missing")
    into->missing.push_back(value);
  else if (key == "fail")
    ReadFailure(value, word, into);
  else if (key == "delay_us")
    ReadDelay(value, word, into);
  else if (key == "memory_mib")
    into->memory_bytes = Number(value, word) << 20;
  else if (key == "seed")
    into->seed = Number(value, word);
  else if (key == "quiet")
    into->quiet = Number(value, word) != 0;
  else if (key == "abort")
    into->abort = Number(value, word) != 0;
  else {
    const int number = static_cast<int>(Number(value, word));
    if (key == "gpus")
      into->gpus = number;
    else if (key == "capability")
      into->capability = number;
    else if (key == "version")
      into->version = number;
    else if (key == "sms")
      into->multiprocessors = number;
    else if (key == "init")
      into->init = number;
    else if (key == "ptx_max")
      into->ptx_max = number;
    else
      Refuse(word);
  }
}

}  // namespace

Settings Settings::Parse(const std::string& text) {
  Settings settings;
  if (text.empty()) return settings;
  for (const std::string& word : Split(text, ',')) ReadWord(word, &settings);
  return settings;
}

}  // namespace pega::cuda::fake
