// The attention kernel in every CPU variant that runs here: against double precision, bit by bit
// against plain C++ in its order, and against itself with other rows, threads and cells of others.
#include "engine/llama/kernels/attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "engine/llama/kernels/plain_attention.h"
#include "engine/llama/kernels/variants_test.h"

namespace {

using Attend = bool (*)(const xc::kernels::Attention*, int);
using Half = _Float16;

struct Shape {
  std::int64_t rows, heads, kv_heads, cells, dk, dv;
};

// A cache, rows that ask, and what each row sees.
struct Case {
  Shape s;
  std::vector<float> q, out;
  std::vector<Half> k, v, mask;

  Case(Shape shape, unsigned seed) : s(shape) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (auto& [to, count] :
         {std::pair{&k, s.cells * s.kv_heads * s.dk}, std::pair{&v, s.cells * s.kv_heads * s.dv}}) {
      to->resize(static_cast<std::size_t>(count));
      for (Half& value : *to) value = static_cast<Half>(normal(random));
    }
    q.resize(static_cast<std::size_t>(s.rows * s.heads * s.dk));
    for (float& value : q) value = normal(random);
    mask.resize(static_cast<std::size_t>(s.rows * s.cells));
    for (Half& value : mask) value = random() % 8 == 0 ? Half(-INFINITY) : Half(0);
    if (s.rows >= 16) see_what_precedes();
    out.assign(static_cast<std::size_t>(s.rows * s.heads * s.dv), -1);
  }

  // Rows of a prompt: each sees one cell more than the row before. One in the middle is somebody
  // else's, and so is the end.
  void see_what_precedes() {
    const std::int64_t before = s.cells - s.rows;
    for (std::int64_t row = 0; row < s.rows; ++row) {
      for (std::int64_t c = 0; c < s.cells; ++c) {
        const bool others = c % 5 == 2 || c % 5 == 4;
        const bool other = row == 3 || row >= 33;
        const bool seen = others == other && (row == 3 || c <= before + row);
        mask[static_cast<std::size_t>(row * s.cells + c)] = seen ? Half(0) : Half(-INFINITY);
      }
    }
  }

  std::int64_t seen_by(std::int64_t row) const {
    const auto begin = mask.begin() + row * s.cells;
    return std::count(begin, begin + s.cells, Half(0));
  }

  xc::kernels::Attention ask() {
    xc::kernels::Attention a{};
    a.rows = s.rows;
    a.heads = s.heads;
    a.kv_heads = s.kv_heads;
    a.cells = s.cells;
    a.dk = s.dk;
    a.dv = s.dv;
    a.q = reinterpret_cast<const char*>(q.data());
    a.q_row = static_cast<std::size_t>(s.heads * s.dk) * 4;
    a.q_head = static_cast<std::size_t>(s.dk) * 4;
    a.k = reinterpret_cast<const char*>(k.data());
    a.k_cell = static_cast<std::size_t>(s.kv_heads * s.dk) * 2;
    a.k_head = static_cast<std::size_t>(s.dk) * 2;
    a.v = reinterpret_cast<const char*>(v.data());
    a.v_cell = static_cast<std::size_t>(s.kv_heads * s.dv) * 2;
    a.v_head = static_cast<std::size_t>(s.dv) * 2;
    a.mask = reinterpret_cast<const char*>(mask.data());
    a.mask_row = static_cast<std::size_t>(s.cells) * 2;
    a.scale = 1 / std::sqrt(static_cast<float>(s.dk));
    a.out = out.data();
    return a;
  }

  std::vector<double> exact(std::int64_t row, std::int64_t head) const {
    const std::int64_t kv = head / (s.heads / s.kv_heads);
    std::vector<double> scores;
    double sum = 0;
    std::vector<double> result(static_cast<std::size_t>(s.dv), 0.0);
    for (std::int64_t c = 0; c < s.cells; ++c) {
      double dot = 0;
      for (std::int64_t d = 0; d < s.dk; ++d) {
        dot += static_cast<double>(q[static_cast<std::size_t>((row * s.heads + head) * s.dk + d)]) *
               static_cast<double>(k[static_cast<std::size_t>((c * s.kv_heads + kv) * s.dk + d)]);
      }
      const double add = static_cast<double>(mask[static_cast<std::size_t>(row * s.cells + c)]);
      const double weight = std::exp(dot / std::sqrt(static_cast<double>(s.dk)) + add);
      sum += weight;
      for (std::int64_t d = 0; d < s.dv; ++d) {
        result[static_cast<std::size_t>(d)] +=
            weight *
            static_cast<double>(v[static_cast<std::size_t>((c * s.kv_heads + kv) * s.dv + d)]);
      }
    }
    for (double& value : result) value = sum == 0 ? 0 : value / sum;
    return result;
  }
};

struct Kernel {
  const char* name;
  Attend attend;
  bool own_order;  // in rows of few cells too; else they have ggml's bits
};

// The kernels of the variants that have one.
std::vector<Kernel> kernels(const std::vector<Variant>& all) {
  std::vector<Kernel> found;
  for (const Variant& variant : all) {
    const auto available = reinterpret_cast<bool (*)()>(variant.symbol("xc_attention_available"));
    const auto own_order = reinterpret_cast<bool (*)()>(variant.symbol("xc_attends_in_own_order"));
    if (available == nullptr || own_order == nullptr) ADD_FAILURE() << variant.name;
    if (available == nullptr || own_order == nullptr || !available()) continue;
    const auto attend = reinterpret_cast<Attend>(variant.symbol("xc_attend"));
    found.push_back({variant.name.c_str(), attend, own_order()});
  }
  expect_some(static_cast<int>(found.size()));
  return found;
}

void expect_exact(const Kernel& kernel, Shape shape) {
  Case it(shape, 7);
  auto ask = it.ask();
  ASSERT_TRUE(kernel.attend(&ask, 2));
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    const bool few = it.seen_by(row) <= xc::kernels::kFewCells;
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      const std::vector<double> exact = it.exact(row, head);
      for (std::int64_t d = 0; d < shape.dv; ++d) {
        const auto at = static_cast<std::size_t>((row * shape.heads + head) * shape.dv + d);
        ASSERT_NEAR(it.out[at], exact[static_cast<std::size_t>(d)],
                    few && !kernel.own_order ? 5e-3 : 2e-6)
            << kernel.name << " row " << row << " head " << head << " value " << d << " cells "
            << shape.cells;
      }
    }
  }
}

void expect_bits_of_plain_code(const Kernel& kernel, Shape shape) {
  if (!kernel.own_order) return;
  Case it(shape, 7);
  auto ask = it.ask();
  ASSERT_TRUE(kernel.attend(&ask, 2));
  Case plain(shape, 7);
  const auto same = plain.ask();
  for (std::int64_t row = 0; row < shape.rows; ++row) {
    for (std::int64_t head = 0; head < shape.heads; ++head) attend_plainly(same, row, head);
  }
  ASSERT_EQ(std::memcmp(it.out.data(), plain.out.data(), it.out.size() * sizeof(float)), 0)
      << kernel.name << " rows " << shape.rows << " cells " << shape.cells;
}

// A row of a case, alone, among hidden cells, and with another number of threads.
void expect_same_bits_alone(const Kernel& kernel, Shape shape, std::int64_t last) {
  Case whole(shape, 11);
  auto ask = whole.ask();
  ASSERT_TRUE(kernel.attend(&ask, 2));
  Case alone(shape, 11);
  // Every cell twice as far apart; between them somebody else's, which the row does not see.
  const auto spread = [&shape](std::vector<Half>& cache, std::int64_t width) {
    std::vector<Half> wide(cache.size() * 2, Half(1000));
    for (std::int64_t c = 0; c < shape.cells; ++c) {
      std::copy_n(cache.begin() + c * width, width, wide.begin() + 2 * c * width);
    }
    cache = wide;
  };
  spread(alone.k, shape.kv_heads * shape.dk);
  spread(alone.v, shape.kv_heads * shape.dv);
  std::vector<Half> mask(static_cast<std::size_t>(2 * shape.cells), Half(-INFINITY));
  for (std::int64_t c = 0; c < shape.cells; ++c) {
    mask[static_cast<std::size_t>(2 * c)] =
        alone.mask[static_cast<std::size_t>(last * shape.cells + c)];
  }
  auto one = alone.ask();
  one.rows = 1;
  one.cells = 2 * shape.cells;
  one.q += static_cast<std::size_t>(last) * one.q_row;
  one.mask = reinterpret_cast<const char*>(mask.data());
  for (const int threads : {1, 64}) {
    ASSERT_TRUE(kernel.attend(&one, threads));
    ASSERT_EQ(std::memcmp(alone.out.data(),
                          &whole.out[static_cast<std::size_t>(last * shape.heads * shape.dv)],
                          static_cast<std::size_t>(shape.heads * shape.dv) * 4),
              0)
        << kernel.name << " threads " << threads << " cells " << shape.cells;
  }
}

// The cells of a case lie elsewhere in the cache, as after a time of coming and going: in runs that
// are not in order of position.
void expect_same_bits_elsewhere(const Kernel& kernel, Shape shape, std::int64_t run) {
  Case lies(shape, 13);
  auto ask = lies.ask();
  ASSERT_TRUE(kernel.attend(&ask, 2));
  Case moved(shape, 13);
  std::vector<std::int32_t> positions(static_cast<std::size_t>(shape.cells));
  // Runs from the last to the first.
  const auto place = [&](std::int64_t cell) {
    const std::int64_t begin = cell / run * run;
    return shape.cells - std::min(begin + run, shape.cells) + (cell - begin);
  };
  const auto move = [&](std::vector<Half>& values, std::int64_t width) {
    const std::vector<Half> old = values;
    for (std::int64_t c = 0; c < shape.cells; ++c) {
      std::copy_n(old.begin() + c * width, width, values.begin() + place(c) * width);
    }
  };
  move(moved.k, shape.kv_heads * shape.dk);
  move(moved.v, shape.kv_heads * shape.dv);
  for (std::int64_t c = 0; c < shape.cells; ++c) {
    positions[static_cast<std::size_t>(place(c))] = static_cast<std::int32_t>(100 + c);
    for (std::int64_t row = 0; row < shape.rows; ++row) {
      moved.mask[static_cast<std::size_t>(row * shape.cells + place(c))] =
          lies.mask[static_cast<std::size_t>(row * shape.cells + c)];
    }
  }
  auto elsewhere = moved.ask();
  elsewhere.positions = positions.data();
  ASSERT_TRUE(kernel.attend(&elsewhere, 2));
  ASSERT_EQ(std::memcmp(lies.out.data(), moved.out.data(), lies.out.size() * 4), 0)
      << kernel.name << " cells " << shape.cells << " runs of " << run;
}

TEST(Attention, does_not_depend_on_where_cells_lie) {
  const std::vector<Variant> all = variants();
  for (const Kernel& kernel : kernels(all)) {
    for (const std::int64_t run : {1, 5, 256, 900}) {
      for (const std::int64_t cells : {2, 64, 150, 1000}) {
        expect_same_bits_elsewhere(kernel, {3, 9, 3, cells, 64, 64}, run);
      }
      expect_same_bits_elsewhere(kernel, {45, 9, 3, 700, 64, 64}, run);
    }
  }
}

TEST(Attention, is_exact_and_does_not_depend_on_company) {
  const std::vector<Variant> all = variants();
  for (const Kernel& kernel : kernels(all)) {
    for (const std::int64_t cells : {1, 7, 8, 63, 64, 65, 130, 1400}) {
      expect_exact(kernel, {3, 9, 3, cells, 64, 64});
      expect_bits_of_plain_code(kernel, {3, 9, 3, cells, 64, 64});
      expect_same_bits_alone(kernel, {3, 9, 3, cells, 64, 64}, 2);
    }
    for (const Shape shape : {Shape{2, 14, 2, 900, 64, 64}, Shape{2, 5, 5, 1300, 128, 128},
                              Shape{2, 8, 1, 1100, 576, 512}}) {
      expect_exact(kernel, shape);
      expect_bits_of_plain_code(kernel, shape);
    }
    expect_same_bits_alone(kernel, {5, 14, 2, 1300, 128, 128}, 4);
    const Shape prompt{45, 9, 3, 700, 64, 64};  // by tiles, the last one not whole
    expect_exact(kernel, prompt);
    expect_bits_of_plain_code(kernel, prompt);
    for (const std::int64_t row : {0, 3, 7, 8, 39, 40, 44}) {
      expect_same_bits_alone(kernel, prompt, row);
    }
  }
}

}  // namespace
