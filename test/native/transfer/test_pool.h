// TestPool: a pool folder with filled slabs, as a server leaves them for engines. For tests.
//
// Lies in a folder of its own under /dev/shm, gone with the object.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "shared/pool_folder.h"
#include "shared/pool_header.h"
#include "shared/slab_file.h"
#include "shared/slab_set.h"

namespace pega {

class TestPool {
 public:
  TestPool(std::uint64_t slab_bytes, std::uint32_t slab_count) : slab_bytes_(slab_bytes) {
    char name[] = "/dev/shm/pega-test-XXXXXX";
    EXPECT_NE(::mkdtemp(name), nullptr);
    root_ = name;
    auto folder = PoolFolder::Create({.pool_dir = root_, .slab_dir = "", .group = ""});
    EXPECT_TRUE(folder.ok()) << folder.status().message();
    folder_ = std::make_unique<PoolFolder>(std::move(folder).value());
    auto header = ServerHeader::Acquire(*folder_);
    EXPECT_TRUE(header.ok()) << header.status().message();
    header_ = std::move(header).value();
    EXPECT_TRUE(header_->Begin(slab_bytes).ok());
    for (std::uint32_t ordinal = 0; ordinal < slab_count; ++ordinal) AddSlab(ordinal);
  }
  ~TestPool() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  TestPool(const TestPool&) = delete;
  TestPool& operator=(const TestPool&) = delete;

  const PoolFolder& folder() const { return *folder_; }
  ServerHeader& header() { return *header_; }
  SlabFile& slab(std::uint32_t ordinal) { return *slabs_[ordinal]; }
  std::uint64_t slab_bytes() const { return slab_bytes_; }
  std::uint32_t slab_count() const { return static_cast<std::uint32_t>(slabs_.size()); }
  std::string SlabPath(std::uint32_t ordinal) const {
    return folder_->SlabPath(header_->pool_id(), ordinal, slabs_[ordinal]->record().slab_id);
  }

  // What an engine opens after Register.
  std::shared_ptr<SlabSet> OpenSlabs() {
    auto view = HeaderView::Open(*folder_);
    EXPECT_TRUE(view.ok()) << view.status().message();
    auto slabs = SlabSet::Open(*folder_, std::move(view).value(), header_->boot_number());
    EXPECT_TRUE(slabs.ok()) << slabs.status().message();
    return std::move(slabs).value();
  }

 private:
  void AddSlab(std::uint32_t ordinal) {
    auto slab = SlabFile::Create(*folder_, header_->pool_id(), ordinal, slab_bytes_);
    EXPECT_TRUE(slab.ok()) << slab.status().message();
    EXPECT_TRUE(slab.value()->Fill(0, slab_bytes_).ok());
    header_->PublishSlab(ordinal, slab.value()->record());
    slabs_.push_back(std::move(slab).value());
  }

  const std::uint64_t slab_bytes_;
  std::string root_;
  std::unique_ptr<PoolFolder> folder_;
  std::unique_ptr<ServerHeader> header_;
  std::vector<std::unique_ptr<SlabFile>> slabs_;
};

}  // namespace pega
