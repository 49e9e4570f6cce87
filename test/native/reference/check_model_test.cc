// Bad shapes and bad steps are refused by name, and nothing is computed.
#include <gtest/gtest.h>

#include <cstring>

#include "reference/reference_model.h"

namespace pega {
namespace {

constexpr ModelShape kShape{.layers = 1,
                            .heads = 2,
                            .kv_heads = 1,
                            .head_dim = 4,
                            .ffn = 8,
                            .vocab = 16,
                            .block_tokens = 4,
                            .context = 32};

struct BadShape {
  const char* field;
  ModelShape shape;
  std::uint32_t blocks = 4;
  std::uint32_t threads = 1;
};

TEST(CheckShape, NamesTheField) {
  const auto with = [](auto change) {
    ModelShape shape = kShape;
    change(shape);
    return shape;
  };
  const BadShape cases[] = {
      {"layers", with([](ModelShape& s) { s.layers = 0; })},
      {"heads", with([](ModelShape& s) { s.heads = 0; })},
      {"heads", with([](ModelShape& s) { s.heads = 3, s.kv_heads = 2; })},
      {"kv_heads", with([](ModelShape& s) { s.kv_heads = 0; })},
      {"head_dim", with([](ModelShape& s) { s.head_dim = 5; })},
      {"head_dim", with([](ModelShape& s) { s.head_dim = 258; })},
      {"ffn", with([](ModelShape& s) { s.ffn = 0; })},
      {"vocab", with([](ModelShape& s) { s.vocab = 0; })},
      {"block_tokens", with([](ModelShape& s) { s.block_tokens = 0; })},
      {"context", with([](ModelShape& s) { s.context = 0; })},
      {"block_count", kShape, 0},
      {"threads", kShape, 4, 0},
      {"threads", kShape, 4, 1000},
  };
  for (const BadShape& bad : cases) {
    const auto model = ReferenceModel::Create(bad.shape, 1, bad.blocks, bad.threads);
    ASSERT_FALSE(model.ok()) << bad.field;
    EXPECT_EQ(model.status().code(), Code::kInvalidArgument);
    EXPECT_EQ(model.status().message().rfind(bad.field, 0), 0U) << model.status().message();
  }
}

class BadStep : public testing::Test {
 protected:
  void Refuses(const SequenceChunk& chunk, const char* part) {
    const SequenceChunk chunks[] = {{good_, 0, good_table_, true}, chunk};
    const auto result = model_->Forward(chunks);
    ASSERT_FALSE(result.ok()) << part;
    EXPECT_EQ(result.status().code(), Code::kInvalidArgument);
    EXPECT_NE(result.status().message().find(part), std::string::npos) << result.status().message();
    const KvAllocation kv = model_->kv().front();
    for (std::size_t i = 0; i < kv.bytes / sizeof(float); ++i) ASSERT_EQ(kv.address[i], 0.0F);
  }

  std::unique_ptr<ReferenceModel> model_ =
      std::move(ReferenceModel::Create(kShape, 1, 8, 1)).value();
  const std::vector<std::int32_t> good_{1, 2, 3};
  const std::vector<std::uint32_t> good_table_{7};
  const std::vector<std::uint32_t> table_{0, 1, 2, 3, 4, 5, 6, 6, 6};
};

TEST_F(BadStep, IsRefusedAndWritesNothing) {
  const std::vector<std::int32_t> negative{1, -1};
  const std::vector<std::int32_t> too_large{16};
  const std::vector<std::uint32_t> unknown_block{8};
  Refuses({{}, 0, table_, true}, "chunks[1].tokens is empty");
  Refuses({negative, 0, table_, true}, "chunks[1].tokens[1] is -1");
  Refuses({too_large, 0, table_, true}, "chunks[1].tokens[0] is 16");
  Refuses({good_, 30, table_, true}, "ends at position 33");
  Refuses({good_, 0xFFFFFFFF, table_, true}, "the context is 32");
  Refuses({good_, 3, std::span(table_).first(1), true}, "block_table has 1 blocks");
  Refuses({good_, 0, unknown_block, true}, "block_table[0] is 8");
  Refuses({good_, 0, good_table_, true}, "which this step writes already");
  const std::vector<std::int32_t> five{1, 2, 3, 4, 5};
  const std::vector<std::uint32_t> twice{2, 2};
  EXPECT_TRUE(model_->Forward({}).ok());
  const SequenceChunk again[] = {{five, 0, table_, true}};
  EXPECT_TRUE(model_->Forward(again).ok());
  EXPECT_TRUE(model_->Forward(again).ok());
}

TEST(Measures, AreNumbers) {
  EXPECT_GT(MeasureFmaPeak(2, 0.01), 1e6);
  EXPECT_GT(MeasureSgemm(2, 70, 0.01), 1e5);
}

}  // namespace
}  // namespace pega
