// Reads the `folder` that Register answers: {path, slabPath}.
#pragma once

#include <string>

#include "node/arguments.h"

namespace pega::node {

struct FolderArgument {
  std::string path;
  std::string slab_path;
};

inline FolderArgument ReadFolder(Arguments& read, Napi::Value value) {
  const Napi::Object object = read.Object(value, "folder");
  FolderArgument folder;
  folder.path = read.String(read.Field(object, "path"), "path");
  folder.slab_path = read.String(read.Field(object, "slabPath"), "slabPath");
  return folder;
}

}  // namespace pega::node
