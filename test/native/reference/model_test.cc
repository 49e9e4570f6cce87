// The promise the reference worker stands on: a token's KV and answer depend on the tokens before
// it and on nothing else.
#include "reference/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace pega {
namespace {

constexpr std::uint32_t kBlocks = 48;

// Odd on purpose: no dimension is a multiple of a tile.
ModelShape SmallShape() {
  return {.layers = 2,
          .heads = 6,
          .kv_heads = 2,
          .head_dim = 10,
          .ffn = 44,
          .vocab = 101,
          .block_tokens = 16,
          .context = 512};
}

std::unique_ptr<ReferenceModel> Make(const Kernels& kernels, std::uint64_t seed = 7,
                                     std::uint32_t threads = 1) {
  auto model = PagedModel::CreateOn(kernels, SmallShape(), seed, kBlocks, threads);
  EXPECT_TRUE(model.ok());
  return std::move(model).value();
}

std::vector<std::int32_t> Prompt(std::size_t length, std::int32_t salt = 0) {
  std::vector<std::int32_t> tokens(length);
  for (std::size_t i = 0; i < length; ++i) {
    tokens[i] = static_cast<std::int32_t>((i * 37 + i * i * 5 + salt * 13) % 101);
  }
  return tokens;
}

std::vector<std::uint32_t> Table(std::uint32_t first, std::uint32_t step = 1) {
  std::vector<std::uint32_t> table(16);
  for (std::uint32_t i = 0; i < table.size(); ++i) table[i] = (first + i * step) % kBlocks;
  return table;
}

std::int32_t Step(ReferenceModel& model, std::span<const std::int32_t> tokens,
                  std::uint32_t position, std::span<const std::uint32_t> table) {
  const SequenceChunk chunk{tokens, position, table, true};
  auto next = model.Forward({&chunk, 1});
  EXPECT_TRUE(next.ok());
  return next.ok() ? next.value().front() : -1;
}

std::int32_t Prefill(ReferenceModel& model, std::span<const std::int32_t> prompt,
                     std::size_t chunk_tokens, std::span<const std::uint32_t> table) {
  std::int32_t next = -1;
  for (std::size_t first = 0; first < prompt.size(); first += chunk_tokens) {
    next = Step(model, prompt.subspan(first, std::min(chunk_tokens, prompt.size() - first)),
                static_cast<std::uint32_t>(first), table);
  }
  return next;
}

// The KV of the first `tokens` positions, as bytes in position order, of all layers.
std::vector<float> KvOf(const ReferenceModel& model, std::size_t tokens,
                        std::span<const std::uint32_t> table) {
  const ModelShape& shape = model.shape();
  std::vector<float> out;
  for (const KvAllocation& layer : model.kv()) {
    for (std::size_t position = 0; position < tokens; ++position) {
      for (std::size_t head = 0; head < shape.kv_heads; ++head) {
        const float* place =
            layer.address +
            ((table[position / shape.block_tokens] * shape.kv_heads + head) * shape.block_tokens +
             position % shape.block_tokens) *
                2 * shape.head_dim;
        out.insert(out.end(), place, place + 2 * shape.head_dim);
      }
    }
  }
  return out;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

std::vector<std::int32_t> Decode(ReferenceModel& model, std::int32_t next, std::uint32_t position,
                                 std::span<const std::uint32_t> table, std::size_t count) {
  std::vector<std::int32_t> answer;
  for (std::size_t i = 0; i < count; ++i) {
    answer.push_back(next);
    next = Step(model, {&next, 1}, position + static_cast<std::uint32_t>(i), table);
  }
  return answer;
}

class OnEachInstructionSet : public testing::TestWithParam<const Kernels*> {};

INSTANTIATE_TEST_SUITE_P(Model, OnEachInstructionSet,
                         testing::ValuesIn(AllKernels().begin(), AllKernels().end()),
                         [](const auto& tested) { return std::string(tested.param->name); });

TEST_P(OnEachInstructionSet, ChunksDoNotMatter) {
  const auto prompt = Prompt(150);  // beyond one key tile
  const auto table = Table(0);
  const auto whole = Make(*GetParam());
  const std::int32_t next = Prefill(*whole, prompt, prompt.size(), table);
  for (const std::size_t chunk_tokens : {1, 7, 16, 64}) {
    const auto model = Make(*GetParam());
    EXPECT_EQ(Prefill(*model, prompt, chunk_tokens, table), next) << chunk_tokens;
    EXPECT_TRUE(SameBits(KvOf(*model, 150, table), KvOf(*whole, 150, table))) << chunk_tokens;
  }
}

TEST_P(OnEachInstructionSet, CompanyInTheBatchDoesNotMatter) {
  const auto prompt = Prompt(70);
  const auto table = Table(0);
  const auto alone = Make(*GetParam());
  const std::int32_t next = Prefill(*alone, prompt, 70, table);

  const auto model = Make(*GetParam());
  const auto before = Prompt(33, 1);
  const auto after = Prompt(5, 2);
  const auto table_before = Table(16);
  const auto table_after = Table(32);
  const std::span<const std::int32_t> tokens(prompt);
  const SequenceChunk first[] = {{before, 0, table_before, true},
                                 {tokens.first(41), 0, table, false},
                                 {after, 0, table_after, true}};
  ASSERT_TRUE(model->Forward(first).ok());
  const SequenceChunk second[] = {{tokens.subspan(41), 41, table, true},
                                  {after, 5, table_after, false}};
  const auto result = model->Forward(second);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value(), (std::vector<std::int32_t>{next, -1}));
  EXPECT_TRUE(SameBits(KvOf(*model, 70, table), KvOf(*alone, 70, table)));
}

TEST_P(OnEachInstructionSet, PlacesOfBlocksDoNotMatter) {
  const auto prompt = Prompt(150);
  const auto model = Make(*GetParam());
  const auto straight = Table(0);
  const auto scattered = Table(47, 29);
  const std::int32_t next = Prefill(*model, prompt, 50, straight);
  const auto kv = KvOf(*model, 150, straight);
  EXPECT_EQ(Prefill(*model, prompt, 50, scattered), next);
  EXPECT_TRUE(SameBits(KvOf(*model, 150, scattered), kv));
}

TEST_P(OnEachInstructionSet, DecodingContinuesThePrefill) {
  const auto prompt = Prompt(40);
  const auto table = Table(0);
  const auto model = Make(*GetParam());
  const auto answer = Decode(*model, Prefill(*model, prompt, 16, table), 40, table, 24);
  auto all = prompt;
  all.insert(all.end(), answer.begin(), answer.end() - 1);
  const auto other = Make(*GetParam());
  EXPECT_EQ(Prefill(*other, all, all.size(), table), answer.back());
  EXPECT_TRUE(SameBits(KvOf(*model, all.size(), table), KvOf(*other, all.size(), table)));
}

TEST_P(OnEachInstructionSet, KvMovedToOtherBlocksGoesOnTheSame) {
  const auto prompt = Prompt(64);
  const auto table = Table(0);
  const auto moved = Table(20);
  const auto model = Make(*GetParam());
  const auto answer = Decode(*model, Prefill(*model, prompt, 64, table), 64, table, 8);
  const std::size_t block = model->kv_block_bytes();
  const auto fresh = Make(*GetParam());
  for (std::size_t layer = 0; layer < 2; ++layer) {
    const auto* from = reinterpret_cast<const std::byte*>(model->kv()[layer].address);
    auto* to = reinterpret_cast<std::byte*>(fresh->kv()[layer].address);
    for (std::size_t b = 0; b < 3; ++b) {
      std::memcpy(to + moved[b] * block, from + table[b] * block, block);
    }
  }
  const std::span<const std::int32_t> tail = std::span(prompt).subspan(48);
  EXPECT_EQ(Decode(*fresh, Step(*fresh, tail, 48, moved), 64, moved, 8), answer);
}

TEST(Model, InstructionSetsAgreeToTheBit) {
  const auto prompt = Prompt(150);
  const auto table = Table(0);
  const auto portable = Make(PortableKernels());
  const std::int32_t next = Prefill(*portable, prompt, 64, table);
  for (const Kernels* kernels : AllKernels()) {
    const auto model = Make(*kernels);
    EXPECT_EQ(model->weights_digest(), portable->weights_digest()) << kernels->name;
    EXPECT_EQ(Prefill(*model, prompt, 64, table), next) << kernels->name;
    EXPECT_TRUE(SameBits(KvOf(*model, 150, table), KvOf(*portable, 150, table))) << kernels->name;
  }
}

TEST(Model, ThreadsDoNotMatter) {
  const auto prompt = Prompt(150);
  const auto table = Table(0);
  const auto one = Make(BestKernels(), 7, 1);
  const std::int32_t next = Prefill(*one, prompt, 150, table);
  for (const std::uint32_t threads : {2, 3}) {
    const auto model = Make(BestKernels(), 7, threads);
    EXPECT_EQ(model->weights_digest(), one->weights_digest());
    EXPECT_EQ(Prefill(*model, prompt, 150, table), next);
    EXPECT_TRUE(SameBits(KvOf(*model, 150, table), KvOf(*one, 150, table)));
  }
}

TEST(Model, SeedDecidesTheWeights) {
  const auto prompt = Prompt(48);
  const auto table = Table(0);
  const auto a = Make(BestKernels(), 7);
  const auto b = Make(BestKernels(), 7);
  const auto c = Make(BestKernels(), 8);
  EXPECT_EQ(a->weights_digest(), b->weights_digest());
  EXPECT_NE(a->weights_digest(), c->weights_digest());
  const auto answer = Decode(*a, Prefill(*a, prompt, 48, table), 48, table, 8);
  EXPECT_EQ(Decode(*b, Prefill(*b, prompt, 48, table), 48, table, 8), answer);
  EXPECT_NE(Decode(*c, Prefill(*c, prompt, 48, table), 48, table, 8), answer);
}

TEST(Model, AnswersVaryAndStayNumbers) {
  const auto model = Make(BestKernels());
  const auto table = Table(0);
  std::vector<std::int32_t> answers;
  for (std::int32_t salt = 0; salt < 12; ++salt) {
    answers.push_back(Prefill(*model, Prompt(60, salt), 60, table));
  }
  for (const float value : KvOf(*model, 60, table)) ASSERT_LT(std::abs(value), 100.0F);
  std::sort(answers.begin(), answers.end());
  const auto distinct = std::unique(answers.begin(), answers.end()) - answers.begin();
  EXPECT_GE(distinct, 6);
}

// Otherwise token identity would not show a block of wrong bytes.
TEST(Model, OneWrongBlockChangesTheAnswer) {
  const auto prompt = Prompt(100);
  const auto table = Table(0);
  const auto model = Make(BestKernels());
  const auto answer = Decode(*model, Prefill(*model, prompt, 100, table), 100, table, 16);
  Prefill(*model, prompt, 100, table);
  for (const KvAllocation& layer : model->kv()) {
    float* block = layer.address + table[2] * model->kv_block_bytes() / sizeof(float);
    std::fill_n(block, model->kv_block_bytes() / sizeof(float), 0.0F);
  }
  const std::span<const std::int32_t> tail = std::span(prompt).subspan(96);
  EXPECT_NE(Decode(*model, Step(*model, tail, 96, table), 100, table, 16), answer);
}

TEST(Model, LayoutIsBlocksHeadsTokens) {
  const auto model = Make(BestKernels());
  EXPECT_EQ(model->kv().size(), 2U);
  EXPECT_EQ(model->kv_block_bytes(), 2U * 16 * 2 * 10 * sizeof(float));
  EXPECT_EQ(model->kv().front().bytes, model->kv_block_bytes() * kBlocks);
  EXPECT_GT(model->FlopsAt(100), model->FlopsAt(0));
}

}  // namespace
}  // namespace pega
