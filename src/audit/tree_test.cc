#include "audit/tree.h"

#include <gtest/gtest.h>

#include <span>

#include "audit/text_codes.h"

namespace xc::audit {
namespace {

constexpr Profile kSha = Profile::Sha256Ed25519;

// The eight leaves that the Certificate Transparency implementations test with.
const std::vector<std::string> kLeaves = {"",
                                          "00",
                                          "10",
                                          "2021",
                                          "3031",
                                          "40414243",
                                          "5051525354555657",
                                          "606162636465666768696a6b6c6d6e6f"};
const std::vector<std::string> kRoots = {
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

struct Tree {
  explicit Tree(Profile a_profile) : profile(a_profile), frontier(a_profile) {}
  void add(std::string_view leaf) {
    leaves.push_back(leaf_hash(profile, leaf));
    frontier.append(leaves.back(), &nodes);
  }
  NodeReader reader() const {
    return [this](std::uint64_t place) -> Result<Digest> { return nodes.at(place); };
  }
  Profile profile;
  Frontier frontier;
  std::vector<Digest> nodes, leaves;
};

Tree tree_of(int size, Profile profile = kSha) {
  Tree tree(profile);
  for (int i = 0; i < size; ++i) tree.add("leaf " + std::to_string(i));
  return tree;
}

// RFC 9162 §2.1.1, word for word.
Digest reference_root(Profile profile, std::span<const Digest> leaves) {
  if (leaves.empty()) return empty_root(profile);
  if (leaves.size() == 1) return leaves[0];
  std::size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  return node_hash(profile, reference_root(profile, leaves.first(k)),
                   reference_root(profile, leaves.subspan(k)));
}

std::vector<std::string> hex_of_all(const std::vector<Digest>& digests) {
  std::vector<std::string> out;
  for (const Digest& digest : digests) out.push_back(hex_of(view_of(digest)));
  return out;
}

TEST(Tree, KnownRoots) {
  EXPECT_EQ(hex_of(view_of(empty_root(kSha))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Tree tree(kSha);
  for (std::size_t i = 0; i < kLeaves.size(); ++i) {
    tree.add(*bytes_of_hex(kLeaves[i]));
    EXPECT_EQ(hex_of(view_of(tree.frontier.root())), kRoots[i]) << i;
    EXPECT_EQ(tree.nodes.size(), node_count(i + 1));
  }
}

TEST(Tree, KnownProofs) {
  Tree tree(kSha);
  for (const std::string& leaf : kLeaves) tree.add(*bytes_of_hex(leaf));
  EXPECT_EQ(hex_of_all(*inclusion_proof(kSha, tree.reader(), 0, 8)),
            (std::vector<std::string>{
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(hex_of_all(*inclusion_proof(kSha, tree.reader(), 5, 8)),
            (std::vector<std::string>{
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(hex_of_all(*inclusion_proof(kSha, tree.reader(), 2, 3)),
            (std::vector<std::string>{
                "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"}));
  EXPECT_EQ(hex_of_all(*consistency_proof(kSha, tree.reader(), 1, 8)),
            (std::vector<std::string>{
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(hex_of_all(*consistency_proof(kSha, tree.reader(), 6, 8)),
            (std::vector<std::string>{
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
}

TEST(Tree, EverySizeAgreesWithTheDefinition) {
  for (const Profile profile : {kSha, Profile::Sm3Sm2}) {
    const Tree tree = tree_of(40, profile);
    for (std::uint64_t size = 0; size <= 40; ++size) {
      const auto expected = reference_root(profile, std::span(tree.leaves).first(size));
      EXPECT_EQ(*root_at(profile, tree.reader(), size), expected) << size;
      const auto frontier = Frontier::from_peaks(profile, size, *peaks_at(tree.reader(), size));
      ASSERT_TRUE(frontier);
      EXPECT_EQ(frontier->root(), expected) << size;
    }
  }
}

TEST(Tree, EveryInclusionIsProvedAndNoOther) {
  const Tree tree = tree_of(21);
  for (std::uint64_t size = 1; size <= 21; ++size) {
    const Digest root = *root_at(kSha, tree.reader(), size);
    for (std::uint64_t index = 0; index < size; ++index) {
      auto path = *inclusion_proof(kSha, tree.reader(), index, size);
      EXPECT_TRUE(verify_inclusion(kSha, tree.leaves[index], index, size, path, root));
      EXPECT_FALSE(verify_inclusion(kSha, tree.leaves[(index + 1) % 21], index, size, path, root));
      EXPECT_FALSE(verify_inclusion(kSha, tree.leaves[index], index + size, size, path, root));
      if (size > 1) {
        EXPECT_FALSE(verify_inclusion(kSha, tree.leaves[index], index ^ 1, size, path, root));
        path[0][7] ^= 1;
        EXPECT_FALSE(verify_inclusion(kSha, tree.leaves[index], index, size, path, root));
      }
      path.push_back(root);
      EXPECT_FALSE(verify_inclusion(kSha, tree.leaves[index], index, size, path, root));
    }
  }
}

TEST(Tree, EveryConsistencyIsProvedAndNoOther) {
  const Tree tree = tree_of(21);
  for (std::uint64_t second = 0; second <= 21; ++second) {
    const Digest new_root = *root_at(kSha, tree.reader(), second);
    for (std::uint64_t first = 0; first <= second; ++first) {
      const Digest old_root = *root_at(kSha, tree.reader(), first);
      auto path = *consistency_proof(kSha, tree.reader(), first, second);
      EXPECT_TRUE(verify_consistency(kSha, first, old_root, second, new_root, path));
      Digest other = old_root;
      other[0] ^= 1;
      EXPECT_FALSE(verify_consistency(kSha, first, other, second, new_root, path));
      path.push_back(new_root);
      EXPECT_FALSE(verify_consistency(kSha, first, old_root, second, new_root, path));
    }
  }
}

TEST(Tree, ProofsOutsideTheTreeFail) {
  const Tree tree = tree_of(3);
  EXPECT_FALSE(inclusion_proof(kSha, tree.reader(), 3, 3));
  EXPECT_FALSE(consistency_proof(kSha, tree.reader(), 3, 2));
  EXPECT_FALSE(Frontier::from_peaks(kSha, 3, {Digest{}}));
}

}  // namespace
}  // namespace xc::audit
